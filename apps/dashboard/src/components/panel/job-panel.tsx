import type { Job } from '@copyline/contracts';
import { useEffect, useRef } from 'preact/hooks';

import { closePanel } from '../../state/navigation.ts';
import { store } from '../../state/store.ts';
import { hasEnded } from '../../words/states.ts';
import { endsOf } from '../../words/ends.ts';
import { outcomeText } from '../../words/outcomes.ts';
import { ProgressFigures } from './progress-figures.tsx';
import { ScheduleTag } from '../schedule-tag.tsx';
import { StateBadge } from '../state-badge.tsx';
import { TypeTag } from '../type-tag.tsx';
import { CancelJob } from './cancel-job.tsx';
import { JobCounts } from './job-counts.tsx';
import { JobError } from './job-error.tsx';
import { JobFacts } from './job-facts.tsx';
import { JobFiles } from './job-files.tsx';
import { JobPhases } from './job-phases.tsx';
import { JobWarnings } from './job-warnings.tsx';
import { MissingJob } from './missing-job.tsx';

/** Everything about one run, beside the list; Escape closes it and gives the focus back. */
export function JobPanel({ jobId }: { readonly jobId: string }) {
  const panel = useRef<HTMLElement>(null);
  const job = store.jobs.value.get(jobId);

  useEffect(() => {
    panel.current?.focus();
    return () => giveFocusBack(jobId);
  }, [jobId]);

  useEffect(() => {
    document.addEventListener('keydown', closeOnEscape);
    return () => document.removeEventListener('keydown', closeOnEscape);
  }, []);

  return (
    <section
      ref={panel}
      class="panel"
      tabIndex={-1}
      aria-labelledby="panel-title"
      data-testid="panel"
    >
      <div class="panel-bar">
        {job !== undefined && <StateBadge job={job} />}
        {job !== undefined && <TypeTag job={job} />}
        {job !== undefined && <ScheduleTag job={job} />}
        <button type="button" class="button panel-close" onClick={closePanel}>
          Close <kbd>Esc</kbd>
        </button>
      </div>
      {job === undefined ? <MissingJob jobId={jobId} /> : <JobDetails job={job} />}
    </section>
  );
}

function JobDetails({ job }: { readonly job: Job }) {
  const { report } = job;
  const { from, to, link } = endsOf(job);
  return (
    <>
      <header class="panel-head">
        <h2 id="panel-title">
          <span class="panel-source">{from}</span>
          <span class="panel-target">
            {link} {to}
          </span>
        </h2>
        <p class="panel-outcome" data-testid="outcome">
          {outcomeText(job)}
        </p>
        {!hasEnded(job) && <CancelJob job={job} />}
      </header>
      {job.state === 'running' && <ProgressFigures progress={job.progress} />}
      {job.error !== null && job.state !== 'done' && (
        <JobError error={job.error} isOfLoad={job.type === 'load'} />
      )}
      {report !== null && <JobWarnings warnings={report.warnings} />}
      {job.state === 'done' && <JobResult job={job} />}
      <JobFacts job={job} />
      {report !== null && <JobPhases phases={report.phases} />}
    </>
  );
}

function JobResult({ job }: { readonly job: Job }) {
  if (job.report === null) return null;
  return job.type === 'load' ? <JobCounts report={job.report} /> : <JobFiles report={job.report} />;
}

function closeOnEscape(event: KeyboardEvent): void {
  // An open dialog takes its own Escape.
  const isInDialog = event.target instanceof Element && event.target.closest('dialog') !== null;
  if (event.key === 'Escape' && !isInDialog) closePanel();
}

function giveFocusBack(jobId: string): void {
  const isLost = document.activeElement === null || document.activeElement === document.body;
  // Whoever clicked another row has the focus there already.
  if (isLost) document.getElementById(`run-${jobId}`)?.focus();
}
