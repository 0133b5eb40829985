import type { ExtractJobProgress, JobProgress } from '@copyline/contracts';

import { rowsOf } from '../../words/figures.ts';
import { bytesText, countText, NOTHING, rateText } from '../../words/numbers.ts';
import { ProgressLine } from '../progress-line.tsx';
import { Fact, Facts } from './facts.tsx';
import { Section } from './section.tsx';

interface ProgressFiguresProps {
  readonly progress: JobProgress | ExtractJobProgress | null;
}

/** How far a run has come, with its numbers. */
export function ProgressFigures({ progress }: ProgressFiguresProps) {
  return (
    <Section title="Progress" testId="panel-progress">
      <ProgressLine progress={progress} />
      {progress !== null && (
        <Facts>
          <Fact label="Read">
            {bytesText(progress.bytesRead)}
            {'bytesTotal' in progress && ` of ${bytesText(progress.bytesTotal)}`}
          </Fact>
          <Fact label="Rows read">{countText(rowsOf(progress))}</Fact>
          <Fact label="Rate">
            {progress.bytesPerSecond === null ? NOTHING : rateText(progress.bytesPerSecond)}
            {progress.rowsPerSecond !== null && `, ${countText(progress.rowsPerSecond)} rows/s`}
          </Fact>
        </Facts>
      )}
    </Section>
  );
}
