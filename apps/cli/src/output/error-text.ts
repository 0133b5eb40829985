import type { CommitState, CopylineError, ExtractReport, ReportError } from '@copyline/contracts';
import { escapeControls } from '@copyline/copy';

import { bytesText, countText, plural } from './numbers.ts';
import { colour } from './terminal.ts';

const STATE_TEXTS: Readonly<Record<CommitState, string | undefined>> = {
  none: undefined,
  rolled_back: 'rolled back, nothing of it is loaded',
  committed: 'committed',
  unknown: 'not known whether it is loaded',
};

/**
 * An error for a person: code, place, what was expected, what to do next.
 *
 * @param extract the report of the extract that has failed, to tell how far it got
 */
export function errorText(error: ReportError, extract?: ExtractReport): string {
  const lines = [
    `${colour('red', '✖')} ${colour('bold', error.code)}: ${escapeControls(error.message)}`,
  ];
  const add = (label: string, text: string | null | undefined): void => {
    if (text !== null && text !== undefined && text !== '') {
      lines.push(`  ${label.padEnd(9)} ${text}`);
    }
  };
  add('where', placeText(error));
  add('value', error.excerpt);
  add('expected', error.expected);
  add('state', extract === undefined ? STATE_TEXTS[error.commitState] : reachedText(extract));
  add('next', error.advice);
  return lines.join('\n');
}

function reachedText({ to, rowsRead, bytesRead }: ExtractReport): string {
  if (bytesRead === 0) return 'nothing is written';
  const outcome = to === 'stdout' ? 'the output is not whole' : 'nothing is written';
  return `${outcome}; ${plural(rowsRead, 'row')}, ${bytesText(bytesRead)} had come`;
}

function placeText(error: ReportError): string {
  const { source, record, line, rowGroup, column, byteOffset } = error;
  return [
    source === null ? undefined : escapeControls(source),
    record === null ? undefined : `record ${countText(record)}`,
    line === null ? undefined : `line ${countText(line)}`,
    rowGroup === undefined ? undefined : `row group ${countText(rowGroup)}`,
    column === null ? undefined : `column ${escapeControls(column)}`,
    byteOffset === null ? undefined : `byte ${countText(byteOffset)}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}

/**
 * The stacks of an error and its causes, for `--verbose`. Only stacks: the fields of a server error
 * hold whole rows.
 */
export function stackText(error: CopylineError): string {
  const stacks: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    stacks.push(cause.stack ?? cause.message);
  }
  return stacks.join('\ncaused by ');
}
