import type { LoadReport } from '@copyline/contracts';

import { accountOf } from '../../words/counts.ts';
import { countText } from '../../words/numbers.ts';
import { Section } from './section.tsx';

/** What became of each row, added up as on a bank statement. */
export function JobCounts({ report }: { readonly report: LoadReport }) {
  const { lines, parsed, isBalanced } = accountOf(report);
  return (
    <Section title="Rows" testId="panel-counts">
      <table class="account">
        <tbody>
          {lines.map(({ label, rows }) => (
            <tr key={label} data-empty={rows === 0}>
              <th scope="row">{label}</th>
              <td class="number">{countText(rows)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">
              Parsed{' '}
              <span class={isBalanced ? 'hint' : 'field-fault'}>
                {isBalanced ? 'adds up' : 'does not add up'}
              </span>
            </th>
            <td class="number">{countText(parsed)}</td>
          </tr>
        </tfoot>
      </table>
    </Section>
  );
}
