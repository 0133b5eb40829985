import type { CsvOutput } from '@copyline/contracts';

/** The header that COPY … (FORMAT csv, HEADER) writes, for servers that write none to STDOUT. */
export function headerLine(names: readonly string[], csv: CsvOutput): Buffer {
  const { delimiter, quote, escape = quote, null: nullMarker } = csv;
  const mustQuote = (name: string): boolean =>
    name === nullMarker ||
    (names.length === 1 && name === '\\.') ||
    [delimiter, quote, '\n', '\r'].some((each) => name.includes(each));
  const fields = names.map((name) => {
    if (!mustQuote(name)) return name;
    const escaped = name.replaceAll(escape, () => escape + escape);
    const whole = quote === escape ? escaped : escaped.replaceAll(quote, () => escape + quote);
    return quote + whole + quote;
  });
  return Buffer.from(`${fields.join(delimiter)}\n`);
}
