import { escapeControls } from '@copyline/copy';
import Table from 'cli-table3';

const BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: ' ',
  'left-mid': '─',
  mid: '─',
  'mid-mid': '─┼─',
  right: ' ',
  'right-mid': '─',
  middle: ' │ ',
};

/** Rows as an aligned table; numbers to the right, NULL shown as such. */
export function tableText(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
): string {
  const table = new Table({
    head: columns.map(escapeControls),
    colAligns: columns.map((_, i) =>
      rows.every((row) => isNumberOrNothing(row[i])) ? 'right' : 'left',
    ),
    chars: BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  table.push(...rows.map((row) => row.map(cellText)));
  // cli-table3 pads the last column; nobody needs blanks at the end of a line.
  return table.toString().replace(/[ \t]+$/gm, '');
}

/** Nothing does not decide how the others are aligned. */
function isNumberOrNothing(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number' || value === null || value === '';
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (typeof value === 'object') return escapeControls(JSON.stringify(value));
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- objects are handled above
  return escapeControls(String(value));
}
