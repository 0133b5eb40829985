import type { RejectReport, ValidateReport } from '@copyline/contracts';
import { escapeControls } from '@copyline/copy';

import { bytesText, countText, durationText, plural } from './numbers.ts';
import { tableText } from './table.ts';
import { colour } from './terminal.ts';

/** Below the outcome of a load: enough to see what is wrong. */
const FIRST = 5;
/** Of a reason on a line of its own. */
const REASON_CHARS = 100;

/** Refused records as a table: place, code and reason. */
export function rejectTable(rejects: readonly RejectReport[]): string {
  return tableText(
    ['record', 'line', 'column', 'code', 'reason', 'value'],
    rejects.map(({ record, line, column, code, sqlstate, reason, excerpt }) => [
      record,
      line,
      column ?? '',
      sqlstate === null ? code : `${code} ${sqlstate}`,
      reason.length > REASON_CHARS ? `${reason.slice(0, REASON_CHARS - 1)}…` : reason,
      excerpt ?? '',
    ]),
  );
}

/** The first few of the rejects that a report has. */
export function firstRejectsText(rejects: readonly RejectReport[]): string {
  return `The first rejects:\n${rejectTable(rejects.slice(0, FIRST))}`;
}

/**
 * The outcome of a validation, for a person.
 *
 * @param most errors to print
 */
export function validateText(report: ValidateReport, most: number): string {
  const { rowsParsed, rowsRejected, rowsSuppressed, rejects } = report;
  const source = escapeControls(report.source ?? '');
  const table = escapeControls(report.target.table ?? '');
  const records = plural(rowsParsed, 'record');
  const scope = report.isComplete ? records : `the first ${records}`;
  const lines =
    rowsRejected === 0
      ? [`${colour('green', '✔')} ${colour('bold', 'valid')}: ${scope} of ${source} fit ${table}`]
      : [
          `${colour('red', '✖')} ${colour('bold', plural(rowsRejected, 'error'))} in ${scope} of ${source} for ${table}`,
        ];
  const add = (label: string, text: string): void => {
    lines.push(`  ${label.padEnd(9)} ${text}`);
  };
  if (rowsSuppressed > 0) add('triggers', `would keep ${plural(rowsSuppressed, 'row')} out`);
  add('time', `${durationText(report.durationMs)}, ${bytesText(report.bytesRead)}`);
  add(
    'state',
    'rolled back, nothing is stored; sequences have moved on, and dead rows wait for VACUUM',
  );
  const shown = rejects.slice(0, most);
  if (shown.length > 0) lines.push(rejectTable(shown));
  if (shown.length < rowsRejected) {
    const rest = countText(rowsRejected - shown.length);
    lines.push(`… and ${rest} more: --rejects <file> writes all of them, --limit prints more`);
  }
  return lines.join('\n');
}
