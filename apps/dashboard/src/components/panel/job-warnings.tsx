import type { Warning } from '@copyline/contracts';

import { Section } from './section.tsx';

/** What went well and deserves a look all the same. */
export function JobWarnings({ warnings }: { readonly warnings: readonly Warning[] }) {
  if (warnings.length === 0) return null;
  return (
    <Section title="Warnings" testId="panel-warnings">
      <ul class="warnings">
        {warnings.map(({ code, message }, index) => (
          <li key={index}>
            <code class="code">{code}</code> {message}
          </li>
        ))}
      </ul>
    </Section>
  );
}
