import type { LoadReport } from '@copyline/contracts';
import { escapeControls } from '@copyline/copy';

import { bytesText, countText, durationText, plural } from './numbers.ts';
import { firstRejectsText } from './reject-text.ts';
import { colour } from './terminal.ts';

/**
 * The outcome of a load that worked, for a person.
 *
 * @param rejectsFile the file that the rejects were written to, if one was asked for
 */
export function reportText(report: LoadReport, verbose: boolean, rejectsFile?: string): string {
  const table = escapeControls(report.target.table ?? '');
  const source = escapeControls(report.source ?? '');
  const { rowsRejected } = report;
  const [sign, ofAll] =
    rowsRejected === 0
      ? [colour('green', '✔'), '']
      : [colour('yellow', '!'), ` of ${countText(report.rowsParsed)}`];
  const lines = report.deduplicated
    ? [
        `${colour('green', '=')} ${colour('bold', 'already loaded')}: ${plural(report.rowsLoaded, 'row')} of ${source} are in ${table}; nothing was stored again`,
      ]
    : [
        `${sign} ${colour('bold', `loaded ${plural(report.rowsLoaded, 'row')}${ofAll}`)} into ${table}${report.target.created ? ' (created)' : ''}`,
      ];
  const add = (label: string, text: string): void => {
    lines.push(`  ${label.padEnd(9)} ${text}`);
  };
  const [file, ...others] = report.files;
  const bytes = report.files.reduce((sum, each) => sum + each.bytes, 0);
  const count = others.length === 0 ? '' : `${plural(report.files.length, 'file')}, `;
  const before = report.files.filter(({ deduplicated }) => deduplicated);
  if (!report.deduplicated) add('source', `${source}, ${count}${bytesText(bytes)}`);
  if (!report.deduplicated && before.length > 0) {
    const known = before.reduce((sum, each) => sum + each.rowsLoaded, 0);
    add(
      'before',
      `${plural(before.length, 'file')} with ${plural(known, 'row')} were loaded already`,
    );
  }
  add('target', report.target.database ?? '');
  add('time', timeText(report));
  if (report.rowsSuppressed > 0) {
    add('triggers', `kept ${plural(report.rowsSuppressed, 'row')} out`);
  }
  if (rowsRejected > 0) {
    const where = rejectsFile ?? `copyline rejects ${report.loadId?.slice(0, 8) ?? ''}`;
    add('rejects', `${plural(rowsRejected, 'record')} refused, see ${where}`);
  }
  add('promise', report.guarantee);
  add('load', report.loadId ?? '');
  if (verbose) {
    add('lane', `${report.lane?.name ?? ''} (${report.lane?.reason ?? ''})`);
    add('digest', file?.digest ?? 'none');
    add('attempts', String(report.attempts));
    for (const [phase, ms] of Object.entries(report.phases)) add(phase, durationText(ms));
  }
  if (rowsRejected > 0) lines.push(firstRejectsText(report.rejects));
  return lines.join('\n');
}

function timeText(report: LoadReport): string {
  const total = durationText(report.durationMs);
  const copyMs = report.phases['copy'] ?? 0;
  if (report.deduplicated || copyMs === 0) return total;
  const perSecond = (amount: number): number => (amount / copyMs) * 1000;
  const rows = countText(Math.round(perSecond(report.rowsLoaded)));
  return `${total}, ${bytesText(perSecond(report.bytesRead))}/s, ${rows} rows/s`;
}
