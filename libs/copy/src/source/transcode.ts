import type { ByteFeed } from './byte-feed.ts';

/** Encodings that a source may have beside UTF-8. */
export type ForeignEncoding = 'utf-16le' | 'utf-16be' | 'latin-1' | 'cp1252';

const BLOCK_BYTES = 128 * 1024;

/**
 * What CP1252 has at 0x80 to 0x9f; undefined where it has nothing.
 *
 * Source: Unicode's CP1252.TXT. (Browsers take the five gaps for control characters; PostgreSQL's WIN1252
 * refuses them, as is done here.)
 */
export const CP1252_HIGH = Array.from('€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ', (char) =>
  char === '\0' ? undefined : char,
);

/** A byte that is in no UTF-8: behind it stand the halves of the bytes that are no whole character. */
export const LEFT_OVER = 0xff;

/**
 * A source in UTF-8. What is not valid in its encoding becomes bytes that are not valid UTF-8 in the
 * same place, which the scanner refuses there: never a replacement character.
 */
export async function* transcode(
  feed: ByteFeed,
  encoding: ForeignEncoding,
): AsyncGenerator<Buffer, void> {
  const decode = DECODERS[encoding];
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let kept = 0;
  while (!feed.atEnd) {
    const bytes = kept + (await feed.read(block, kept, block.length - kept));
    const { text, used } = decode(block.subarray(0, bytes));
    yield text;
    kept = bytes - used;
    block.copyWithin(0, used, bytes);
  }
  // Half of a character is left.
  const halves = [...block.subarray(0, kept)].flatMap((byte) => [byte >> 4, byte & 0xf]);
  if (kept > 0) yield Buffer.from([LEFT_OVER, ...halves.map((half) => 0x80 | half)]);
}

interface Decoded {
  /** UTF-8, but for what is not valid. */
  readonly text: Buffer;
  /** Bytes that it was made of; the rest is the beginning of a character. */
  readonly used: number;
}

const DECODERS: Readonly<Record<ForeignEncoding, (bytes: Buffer) => Decoded>> = {
  'latin-1': (bytes) => ({ text: Buffer.from(bytes.toString('latin1')), used: bytes.length }),
  cp1252: (bytes) => ({ text: decodeCp1252(bytes), used: bytes.length }),
  'utf-16le': decodeUtf16,
  'utf-16be': (bytes) => {
    const whole = Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();
    return decodeUtf16(whole);
  },
};

function decodeCp1252(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const parts = text.replace(/[\x80-\x9f]/g, (char) => {
    return CP1252_HIGH[char.charCodeAt(0) - 0x80] ?? GAP;
  });
  if (!parts.includes(GAP)) return Buffer.from(parts);
  const gaps = Array.from(text.matchAll(/[\x81\x8d\x8f\x90\x9d]/g), ([char]) => char);
  // A continuation byte behind a whole character is not valid UTF-8; so the byte itself is seen.
  return Buffer.concat(
    parts
      .split(GAP)
      .flatMap((part, i) => [Buffer.from(part), Buffer.from(gaps[i] ?? '', 'latin1')]),
  );
}

/** No text of a single-byte encoding has it. */
const GAP = '\ue000';

function decodeUtf16(bytes: Buffer): Decoded {
  let used = bytes.length & ~1;
  // The first half of a pair waits for the second.
  if (used >= 2 && isHighSurrogate(bytes.readUInt16LE(used - 2))) used -= 2;
  const text = bytes.toString('utf16le', 0, used);
  return { text: isWellFormed(text) ? Buffer.from(text) : withLoneSurrogates(text), used };
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isWellFormed(text: string): boolean {
  return !/\p{Cs}/u.test(text);
}

/** UTF-8, with each lone surrogate in the three bytes that it would have, which are not valid. */
function withLoneSurrogates(text: string): Buffer {
  return Buffer.concat(
    text.split(/(\p{Cs})/u).map((part, i) => (i % 2 === 0 ? Buffer.from(part) : surrogate(part))),
  );
}

function surrogate(char: string): Buffer {
  const unit = char.charCodeAt(0);
  return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]);
}
