import type { JobState } from '@copyline/contracts';

import { countByState } from '../state/jobs.ts';
import { route } from '../state/navigation.ts';
import { formatRoute } from '../state/route.ts';
import { store } from '../state/store.ts';
import { countText } from '../words/numbers.ts';
import { STATE_ORDER, STATES } from '../words/states.ts';
import { SignIcon } from './sign-icon.tsx';

/** Offered only when there is one, or when it is chosen: most people never meet it. */
const RARE: readonly JobState[] = ['in-doubt'];

/** One link per state with the number of runs in it; the choice stands in the address. */
export function FilterChips() {
  const jobs = store.newest.value;
  const counts = countByState(jobs);
  const { state: chosen, jobId } = route();
  const offered = STATE_ORDER.filter(
    (state) => !RARE.includes(state) || state === chosen || counts.has(state),
  );
  return (
    <nav class="chips" aria-label="Filter by state">
      <Chip
        href={formatRoute({ state: null, jobId })}
        label="All"
        count={jobs.length}
        isChosen={chosen === null}
      />
      {offered.map((state) => (
        <Chip
          key={state}
          href={formatRoute({ state, jobId })}
          label={STATES[state].label}
          count={counts.get(state) ?? 0}
          isChosen={chosen === state}
          state={state}
        />
      ))}
    </nav>
  );
}

interface ChipProps {
  readonly href: string;
  readonly label: string;
  readonly count: number;
  readonly isChosen: boolean;
  readonly state?: JobState;
}

function Chip({ href, label, count, isChosen, state }: ChipProps) {
  return (
    <a
      class="chip"
      href={href}
      aria-current={isChosen ? 'true' : undefined}
      data-empty={count === 0}
      data-tone={state === undefined ? undefined : STATES[state].tone}
      data-testid={`filter-${state ?? 'all'}`}
    >
      {state !== undefined && <SignIcon name={state} />}
      {label} <span class="chip-count">{countText(count)}</span>
    </a>
  );
}
