import type { Job } from '@copyline/contracts';

import { RunRow } from './run-row.tsx';

/**
 * One row per run. The roles are written out because narrow lists are laid out as cards, and a table
 * without table layout is none for some browsers.
 */
export function RunsTable({ jobs }: { readonly jobs: readonly Job[] }) {
  return (
    <table class="board" role="table" aria-label="Runs, newest first" data-testid="runs">
      <thead role="rowgroup">
        <tr role="row">
          <Heading text="State" name="state" />
          <Heading text="Source and target" name="load" />
          <Heading text="Progress and remarks" name="remark" />
          <Heading text="Rows" name="rows" />
          <Heading text="Rate" name="rate" />
          <Heading text="Started" name="started" />
          <Heading text="Duration" name="duration" />
        </tr>
      </thead>
      <tbody role="rowgroup">
        {jobs.map((job) => (
          <RunRow key={job.id} job={job} />
        ))}
      </tbody>
    </table>
  );
}

function Heading({ text, name }: { readonly text: string; readonly name: string }) {
  return (
    <th role="columnheader" scope="col" class={`cell-${name}`}>
      {text}
    </th>
  );
}
