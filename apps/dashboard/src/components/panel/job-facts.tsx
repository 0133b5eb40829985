import type { Job } from '@copyline/contracts';

import { figuresOf } from '../../words/figures.ts';
import { countText, rateText } from '../../words/numbers.ts';
import { unusualSettings } from '../../words/settings.ts';
import { absoluteText } from '../../words/times.ts';
import { Elapsed } from '../elapsed.tsx';
import { Instant } from '../instant.tsx';
import { Fact, Facts } from './facts.tsx';
import { ReportFacts } from './report-facts.tsx';
import { Section } from './section.tsx';

/** When, where, by whom, and what was asked for. */
export function JobFacts({ job }: { readonly job: Job }) {
  const { startedAt, finishedAt, nextRunAt, schedule, worker } = job;
  return (
    <Section title="Facts" testId="panel-facts">
      <Facts>
        <Fact label="Submitted">
          <Moment at={job.createdAt} />
        </Fact>
        {schedule !== null && (
          <Fact label="Schedule">
            {schedule.name}, due {absoluteText(schedule.nominalAt)}
          </Fact>
        )}
        {startedAt !== null && (
          <Fact label="Started">
            <Moment at={startedAt} />
          </Fact>
        )}
        {finishedAt !== null && (
          <Fact label="Ended">
            <Moment at={finishedAt} />
          </Fact>
        )}
        {nextRunAt !== null && <Fact label="Next attempt">{absoluteText(nextRunAt)}</Fact>}
        {(finishedAt !== null || job.state === 'running') && (
          <Fact label="Duration">
            <Elapsed job={job} />
            <AverageRate job={job} />
          </Fact>
        )}
        <Fact label="Runs begun">{countText(job.runs)}</Fact>
        {worker !== null && (
          <Fact label="Worker" isCode>
            {worker}
          </Fact>
        )}
        <ReportFacts job={job} />
        {unusualSettings(job).map(([label, value]) => (
          <Fact key={label} label={label}>
            {value}
          </Fact>
        ))}
        <Fact label="Job" isCode>
          {job.id}
        </Fact>
      </Facts>
    </Section>
  );
}

function Moment({ at }: { readonly at: string }) {
  return (
    <>
      {absoluteText(at)}{' '}
      <span class="hint">
        (<Instant at={at} />)
      </span>
    </>
  );
}

function AverageRate({ job }: { readonly job: Job }) {
  const { bytesPerSecond, rowsPerSecond } = figuresOf(job);
  if (job.state !== 'done' || bytesPerSecond === null || rowsPerSecond === null) return null;
  return (
    <span class="hint">
      {' '}
      ({rateText(bytesPerSecond)}, {countText(rowsPerSecond)} rows/s while copying)
    </span>
  );
}
