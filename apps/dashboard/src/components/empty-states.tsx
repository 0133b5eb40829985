import type { JobState } from '@copyline/contracts';

import { STATES } from '../words/states.ts';

/** For a newcomer: what to type, and what will happen here. */
export function NoRuns() {
  return (
    <section class="empty" aria-labelledby="empty-title" data-testid="no-runs">
      <h2 id="empty-title">Nothing has been submitted yet</h2>
      <p>Put a CSV file into the inbox folder, then type:</p>
      <pre class="command">
        <code>
          {/* Breaks between words only, never inside a flag. */}
          <span>copyline submit</span> <span>inbox:airports.csv</span> <span>--into airports</span>{' '}
          <span>--create</span>
        </code>
      </pre>
      <p class="hint">
        The load appears here at once. <code>inbox</code> is a folder named in{' '}
        <code>copyline.yaml</code>; <code>--create</code> makes the table from the data.
      </p>
    </section>
  );
}

/** A filter that lets nothing through. */
export function EmptyFilter({ state }: { readonly state: JobState }) {
  return (
    <section class="empty empty-small" data-testid="empty-filter">
      <p>
        {STATES[state].nobody} <a href="#/">Show all runs</a>
      </p>
    </section>
  );
}
