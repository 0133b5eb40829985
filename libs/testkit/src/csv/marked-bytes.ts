/** Where raw bytes stand in a string: in the private-use area. */
const RAW = 0xe000;
const MARK = '⟦';

/** A byte that is no UTF-8 by itself, in the text of a file that `markedBytes` makes. */
export function rawByte(...bytes: readonly number[]): string {
  return bytes.map((byte) => String.fromCharCode(RAW + byte)).join('');
}

/** The bytes of a file whose text has `⟦` before the byte that a fault is to be found at. */
export function markedBytes(text: string): {
  readonly bytes: Buffer;
  /** Offset of the marked byte; null without a mark. */
  readonly fault: number | null;
} {
  const [before = '', after] = text.split(MARK);
  const start = encode(before);
  if (after === undefined) return { bytes: start, fault: null };
  return { bytes: Buffer.concat([start, encode(after)]), fault: start.length };
}

const RAW_CHARACTER = /([\ue000-\ue0ff])/;

function encode(text: string): Buffer {
  // What was split at stands between what it separates.
  const parts = text.split(RAW_CHARACTER).map((part, i) => {
    return i % 2 === 1 ? Buffer.of(part.charCodeAt(0) - RAW) : Buffer.from(part);
  });
  return Buffer.concat(parts);
}
