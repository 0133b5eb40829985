import type { ReportError } from '@copyline/contracts';

import { COMMIT_TEXT, placeFacts, RETRY_TEXT } from '../../words/errors.ts';
import { Fact, Facts } from './facts.tsx';
import { Section } from './section.tsx';

interface JobErrorProps {
  readonly error: ReportError;
  /** An extract has no transaction that could store anything. */
  readonly isOfLoad: boolean;
}

/** Why a run has failed: the message, the place in the file, what to do next. */
export function JobError({ error, isOfLoad }: JobErrorProps) {
  return (
    <Section title="Error" testId="panel-error">
      <div class="fault">
        <p class="fault-code">
          <code>{error.code}</code>
        </p>
        <p class="fault-message">{error.message}</p>
        <Place error={error} />
        <p class="fault-advice">
          <strong>What to do next</strong>
          {error.advice}
        </p>
      </div>
      <Facts>
        {error.sqlstate !== null && (
          <Fact label="SQLSTATE" isCode>
            {error.sqlstate}
          </Fact>
        )}
        {isOfLoad && <Fact label="Transaction">{COMMIT_TEXT[error.commitState]}</Fact>}
        <Fact label="Again">{RETRY_TEXT[error.retry]}</Fact>
      </Facts>
    </Section>
  );
}

function Place({ error }: { readonly error: ReportError }) {
  const facts = placeFacts(error);
  const { excerpt, expected, located } = error;
  if (facts.length === 0 && excerpt === null && expected === null) return null;
  return (
    <div class="place" data-testid="place">
      <dl class="place-facts">
        {facts.map(([label, value]) => (
          <div key={label} data-wide={label === 'File'}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {excerpt !== null && (
        <figure class="excerpt">
          <figcaption>Found</figcaption>
          <pre>
            <code>{excerpt}</code>
          </pre>
        </figure>
      )}
      {expected !== null && (
        <figure class="excerpt excerpt-expected">
          <figcaption>Expected</figcaption>
          <p>{expected}</p>
        </figure>
      )}
      {!located && <p class="hint">The server did not tell the exact place.</p>}
    </div>
  );
}
