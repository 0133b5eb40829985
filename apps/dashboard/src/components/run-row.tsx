import type { Job } from '@copyline/contracts';

import { route } from '../state/navigation.ts';
import { formatRoute } from '../state/route.ts';
import { endsOf } from '../words/ends.ts';
import { durationOf, figuresOf } from '../words/figures.ts';
import { countText, NOTHING, rateText } from '../words/numbers.ts';
import { isCancelling } from '../words/states.ts';
import { Elapsed } from './elapsed.tsx';
import { Instant } from './instant.tsx';
import { ProgressLine } from './progress-line.tsx';
import { RemarkLine } from './remark-line.tsx';
import { ScheduleTag } from './schedule-tag.tsx';
import { StateBadge } from './state-badge.tsx';
import { TypeTag } from './type-tag.tsx';

/** One run in the list. Its link covers the whole row. */
export function RunRow({ job }: { readonly job: Job }) {
  const { state, jobId } = route();
  const { rows, bytesPerSecond, rowsPerSecond } = figuresOf(job);
  const { from, to, link } = endsOf(job);
  const isOpen = jobId === job.id;
  return (
    <tr
      role="row"
      class="run"
      data-open={isOpen}
      data-state={job.state}
      data-job={job.id}
      data-testid="run"
    >
      <td role="cell" class="cell-state">
        <StateBadge job={job} />
      </td>
      <td role="cell" class="cell-load">
        <div class="load-source">
          <a
            id={`run-${job.id}`}
            class="run-link"
            href={formatRoute({ state, jobId: job.id })}
            aria-current={isOpen ? 'true' : undefined}
            title={from}
          >
            {from}
          </a>
          <TypeTag job={job} />
          <ScheduleTag job={job} />
        </div>
        <div class="load-target" title={to}>
          <span class="unseen">{link} </span>
          <Target job={job} />
        </div>
      </td>
      <td role="cell" class="cell-remark">
        {job.state === 'running' && !isCancelling(job) ? (
          <ProgressLine progress={job.progress} />
        ) : (
          <RemarkLine job={job} />
        )}
      </td>
      <td role="cell" class="cell-rows number" data-none={rows === null}>
        {rows === null ? NOTHING : countText(rows)}
        <span class="unit"> rows</span>
      </td>
      <td
        role="cell"
        class="cell-rate number"
        data-none={bytesPerSecond === null}
        title={rowsPerSecond === null ? undefined : `${countText(rowsPerSecond)} rows/s`}
      >
        {bytesPerSecond === null ? NOTHING : rateText(bytesPerSecond)}
      </td>
      <td role="cell" class="cell-started" data-none={job.startedAt === null}>
        {job.startedAt === null ? NOTHING : <Instant at={job.startedAt} />}
      </td>
      <td role="cell" class="cell-duration number" data-none={durationOf(job, 0) === null}>
        <Elapsed job={job} />
      </td>
    </tr>
  );
}

/** What matters most in it stands out. */
function Target({ job }: { readonly job: Job }) {
  if (job.type === 'extract') return <span class="table-name">{job.extract.to}</span>;
  return (
    <>
      {job.load.connection} · <span class="table-name">{job.load.into}</span>
    </>
  );
}
