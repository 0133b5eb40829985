import type { ExtractReport } from '@copyline/contracts';

import { bytesText, countText, plural } from '../../words/numbers.ts';
import { Fact, Facts } from './facts.tsx';
import { Section } from './section.tsx';

/** More than these are for the manifest. */
const MOST_FILES = 12;

/** What an extract has published. */
export function JobFiles({ report }: { readonly report: ExtractReport }) {
  const { files, rowsExtracted, bytesWritten, manifest } = report;
  const more = files.length - MOST_FILES;
  return (
    <Section title="Files" testId="panel-files">
      <table class="account">
        <tbody>
          {files.slice(0, MOST_FILES).map(({ name, rows, bytes, digest }) => (
            <tr key={name}>
              <th scope="row" class="code" title={digest}>
                {name}
              </th>
              <td class="number">{plural(rows, 'row')}</td>
              <td class="number">{bytesText(bytes)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">
              {plural(files.length, 'file')}
              {more > 0 && <span class="hint">{countText(more)} not shown</span>}
            </th>
            <td class="number">{plural(rowsExtracted, 'row')}</td>
            <td class="number">{bytesText(bytesWritten)}</td>
          </tr>
        </tfoot>
      </table>
      {manifest !== null && (
        <Facts>
          <Fact label="Manifest" isCode>
            {manifest}
          </Fact>
        </Facts>
      )}
    </Section>
  );
}
