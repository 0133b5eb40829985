/**
 * The inside of a quoted field without its escapes: from the left, an escape before a quote or an
 * escape is dropped and takes its successor along.
 */
export function unescapeField(text: string, quote: string, escape: string): string {
  let result = '';
  let from = 0;
  for (let at = text.indexOf(escape); at >= 0; at = text.indexOf(escape, at)) {
    const next = text.charAt(at + 1);
    if (next === quote || next === escape) {
      result += text.slice(from, at);
      from = at + 1;
      at += 2;
    } else {
      at += 1;
    }
  }
  return result + text.slice(from);
}

/** How often a byte stands in bytes. */
export function countBytes(bytes: Buffer, byte: number): number {
  let count = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) count += 1;
  return count;
}
