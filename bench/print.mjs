/** Aligned tables for terminals, which are Markdown at the same time. */

/** @param {{ title: string, right?: boolean, text: (row: object) => string }[]} columns */
export function tableText(columns, rows) {
  const cells = rows.map((row) => columns.map(({ text }) => text(row)));
  const widths = columns.map(({ title }, i) =>
    Math.max(3, title.length, ...cells.map((row) => row[i].length)),
  );
  const line = (row) =>
    `| ${row.map((cell, i) => (columns[i].right ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) =>
    columns[i].right ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [line(columns.map(({ title }) => title)), line(rule), ...cells.map(line)].join('\n');
}

export function fixed(value, digits) {
  return value === null || value === undefined ? '–' : value.toFixed(digits);
}

export function count(value) {
  return Math.round(value).toLocaleString('en');
}

export function ratioText(ratio) {
  return ratio === null ? '–' : `${ratio.toFixed(2)}×`;
}

/** What a run has cost client and server: the last columns of every table. */
export const COST_COLUMNS = [
  { title: 'peak MB', right: true, text: (run) => fixed(run.peakMb, 0) },
  { title: 'client CPU s', right: true, text: (run) => fixed(run.cpuSeconds, 2) },
  { title: 'server CPU s', right: true, text: (run) => fixed(run.serverCpuSeconds, 2) },
];

export function say(text) {
  process.stdout.write(`${text}\n`);
}
