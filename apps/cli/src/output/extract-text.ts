import type { ExtractReport } from '@copyline/contracts';
import { escapeControls } from '@copyline/copy';

import { bytesText, countText, durationText, plural } from './numbers.ts';
import { colour } from './terminal.ts';

/** The outcome of an extract that worked, for a person. */
export function extractText(report: ExtractReport, verbose: boolean): string {
  const { files, phases, source } = report;
  const from = source.table === null ? 'the query' : escapeControls(source.table);
  const rows = plural(report.rowsExtracted, 'row');
  const lines = [`${colour('green', '✔')} ${colour('bold', `extracted ${rows}`)} from ${from}`];
  const add = (label: string, text: string): void => {
    lines.push(`  ${label.padEnd(9)} ${text}`);
  };
  const count = files.length === 1 ? '' : ` in ${plural(files.length, 'file')}`;
  add('to', `${escapeControls(report.to ?? '')}${count}, ${bytesText(report.bytesWritten)}`);
  add('source', source.database ?? '');
  const copyMs = phases['copy'] ?? 0;
  const perSecond = (amount: number): number => (amount / copyMs) * 1000;
  const rate =
    copyMs === 0
      ? ''
      : `, ${bytesText(perSecond(report.bytesRead))}/s, ${countText(Math.round(perSecond(report.rowsRead)))} rows/s`;
  add('time', `${durationText(report.durationMs)}${rate}`);
  if (report.manifest !== null) add('manifest', escapeControls(report.manifest));
  if (verbose) {
    for (const { name, digest } of files) add('digest', `${escapeControls(name)} ${digest}`);
    for (const [phase, ms] of Object.entries(phases)) add(phase, durationText(ms));
  }
  return lines.join('\n');
}
