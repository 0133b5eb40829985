/** Pieces of Markdown. Prettier aligns the tables afterwards. */

/** The first line of a generated page. */
export function generatedFrom(source) {
  return `<!-- Generated from ${source} by \`npm run docs\`. Do not edit. -->`;
}

/** A column without a single entry is left out. */
export function table(titles, rows) {
  const isUsed = titles.map((_, i) => rows.some((row) => row[i] !== ''));
  const line = (cells) =>
    `| ${cells
      .filter((_, i) => isUsed[i])
      .map(cellText)
      .join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Code in a table cell or a sentence. */
export function code(text) {
  return `\`${text}\``;
}

/** What stands in angle brackets outside of code would be taken for HTML. */
export function prose(text) {
  const parts = text.split(/(`[^`]*`)/);
  return parts.map((part, i) => (i % 2 === 1 ? part : part.replaceAll('<', '\\<'))).join('');
}

function cellText(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
