import type { Reject } from '../rejects/reject.ts';
import { CP1252_HIGH, LEFT_OVER, type ForeignEncoding } from './transcode.ts';

/**
 * A reject of a record that was read in another encoding, as one of the file: with the bytes that it has
 * there, and without an offset, which was one of the text in UTF-8.
 *
 * @param lineEnd of the file; ends what is only the beginning of a line, so that another can follow it
 */
export function rejectInEncoding(
  reject: Reject,
  encoding: ForeignEncoding,
  lineEnd: '\n' | '\r',
): Reject {
  const raw = encodeBack(reject.raw, encoding);
  const placed = {
    ...reject,
    byteOffset: null,
    raw: reject.isWhole ? raw : Buffer.concat([raw, encodeBack(Buffer.from(lineEnd), encoding)]),
  };
  if (reject.code !== 'INVALID_UTF8') return placed;
  return { ...placed, code: 'INVALID_ENCODING', reason: invalidIn(encoding) };
}

/** Why bytes are refused that are no character of their file's encoding. */
export function invalidIn(encoding: string): string {
  return `Bytes that are not valid in ${encoding}`;
}

/**
 * What `transcode` has made of bytes, as those bytes again: exactly, also where they were not valid. A
 * character that is cut off at the end is left out.
 */
export function encodeBack(text: Buffer, encoding: ForeignEncoding): Buffer {
  // No character takes more than twice the bytes that it has in UTF-8.
  const bytes = Buffer.allocUnsafe(text.length * 2);
  let end = 0;
  for (let at = 0; at < text.length;) {
    const lead = text[at] ?? 0;
    if (lead === LEFT_OVER) {
      for (at += 1; at + 1 < text.length; at += 2) {
        end = bytes.writeUInt8((low(text, at, 4) << 4) | low(text, at + 1, 4), end);
      }
      break;
    }
    const length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (at + length > text.length) break;
    let point = length === 1 ? lead : lead & (0xff >> (length + 1));
    for (let i = 1; i < length; i += 1) point = (point << 6) | low(text, at + i, 6);
    at += length;
    end = put(point, encoding, bytes, end);
  }
  return bytes.subarray(0, end);
}

/** The lowest bits of a byte. */
function low(text: Buffer, at: number, bits: number): number {
  return (text[at] ?? 0) & ((1 << bits) - 1);
}

const CP1252_BYTES = new Map(
  CP1252_HIGH.flatMap((char, i) => (char === undefined ? [] : [[char.charCodeAt(0), 0x80 + i]])),
);

/** @returns the byte after the character */
function put(point: number, encoding: ForeignEncoding, bytes: Buffer, at: number): number {
  switch (encoding) {
    case 'latin-1':
      return bytes.writeUInt8(point, at);
    case 'cp1252':
      return bytes.writeUInt8(CP1252_BYTES.get(point) ?? point, at);
    case 'utf-16le':
    case 'utf-16be': {
      // Half of a pair that stands alone is a point of its own here.
      const units = point < 0x10000 ? [point] : [0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff)];
      let end = at;
      for (const unit of units) {
        end =
          encoding === 'utf-16le' ? bytes.writeUInt16LE(unit, end) : bytes.writeUInt16BE(unit, end);
      }
      return end;
    }
  }
}
