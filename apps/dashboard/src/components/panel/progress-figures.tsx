import type { JobProgress } from '@copyline/contracts';

import { bytesText, countText, NOTHING, rateText } from '../../words/numbers.ts';
import { ProgressLine } from '../progress-line.tsx';
import { Fact, Facts } from './facts.tsx';
import { Section } from './section.tsx';

/** How far a running load has come, with its numbers. */
export function ProgressFigures({ progress }: { readonly progress: JobProgress | null }) {
  return (
    <Section title="Progress" testId="panel-progress">
      <ProgressLine progress={progress} />
      {progress !== null && (
        <Facts>
          <Fact label="Read">
            {bytesText(progress.bytesRead)} of {bytesText(progress.bytesTotal)}
          </Fact>
          <Fact label="Rows read">{countText(progress.rowsParsed)}</Fact>
          <Fact label="Rate">
            {progress.bytesPerSecond === null ? NOTHING : rateText(progress.bytesPerSecond)}
            {progress.rowsPerSecond !== null && `, ${countText(progress.rowsPerSecond)} rows/s`}
          </Fact>
        </Facts>
      )}
    </Section>
  );
}
