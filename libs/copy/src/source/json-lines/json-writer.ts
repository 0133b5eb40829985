import { PADDING } from '../../csv/dialect.ts';
import { codeAt, skipBlanks } from '../../encode/json-grammar.ts';
import { loosely, type JsonLayout } from './json-layout.ts';
import { JsonFault, keyText, readObject } from './json-object.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const LF = 0x0a;
const LOWER_N = 0x6e;
const LOWER_U = 0x75;
const MISSING = -1;

/** What stands behind a backslash, and what it means; 0 for `u`. */
const UNESCAPED = new Uint8Array(256);
for (const [at, byte] of Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  UNESCAPED[at.charCodeAt(0)] = byte;
}
for (const same of '"\\/') UNESCAPED[same.charCodeAt(0)] = same.charCodeAt(0);

/**
 * Writes objects as CSV records. Null, and a key that is not there, are a field without a byte, which is
 * NULL; strings and JSON are quoted, which never is; numbers, true and false stand as they are written.
 */
export class JsonWriter {
  /** Records so far, the one that a fault is thrown for included. */
  records = 0;
  readonly #layout: JsonLayout;
  readonly #fieldOf = new Map<string, number>();
  readonly #refused: ReadonlySet<string>;
  /** The keys as they are usually written; of the member n of the last object, its field. */
  readonly #written: readonly Buffer[];
  readonly #lastFields: number[] = [];
  /** Of the object that is written: where the value of each field stands. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #others = new Set<string>();
  #out: Buffer = Buffer.allocUnsafeSlow(0);
  #at = 0;

  constructor(layout: JsonLayout) {
    this.#layout = layout;
    layout.keys.forEach((key, i) => this.#fieldOf.set(key, i));
    this.#refused = new Set(layout.refusedKeys.map(loosely));
    this.#written = layout.keys.map((key) => Buffer.from(JSON.stringify(key)));
    this.#starts = new Int32Array(layout.keys.length);
    this.#ends = new Int32Array(layout.keys.length);
  }

  /** What was written since the last time. */
  take(): Buffer {
    const bytes = this.#out.subarray(0, this.#at);
    // Not written to again: who takes it may keep it.
    this.#out = Buffer.allocUnsafeSlow(this.#out.length);
    this.#at = 0;
    return bytes;
  }

  /**
   * Writes one line.
   *
   * @param offset where the line begins in the source
   * @throws JsonFault; not where lines are kept: then the line alone is the record, a field too few
   */
  write(bytes: Buffer, start: number, end: number, offset: number): void {
    const { keepsLine, keys } = this.#layout;
    // Every byte may be an escaped quote; what is kept of the line as well.
    this.#reserve((end - start) * 4 + keys.length + 32);
    if (skipBlanks(bytes, start, end) === end) {
      this.#at += PADDING.copy(this.#out, this.#at);
      this.#put(LF);
      return;
    }
    this.records += 1;
    const recordStart = this.#at;
    try {
      this.#read(bytes, start, end);
      this.#writeFields(bytes);
    } catch (error) {
      if (!keepsLine || !(error instanceof JsonFault)) throw error;
      this.#at = recordStart;
    }
    if (keepsLine) {
      this.#at += this.#out.write(`"${String(offset)}:`, this.#at);
      this.#writeQuoted(bytes, start, end);
      this.#put(QUOTE);
      this.#put(LF);
    } else {
      // In the place of the last comma.
      this.#out[this.#at - 1] = LF;
    }
  }

  #read(bytes: Buffer, start: number, end: number): void {
    const starts = this.#starts.fill(MISSING);
    const ends = this.#ends;
    let member = 0;
    if (this.#others.size > 0) this.#others = new Set();
    readObject(bytes, start, end, (keyStart, keyEnd, valueStart, valueEnd) => {
      const field = this.#fieldAt(bytes, keyStart, keyEnd, member);
      member += 1;
      if (field === MISSING) return;
      if (starts[field] !== MISSING) {
        throw doubled(bytes, keyStart, keyEnd);
      }
      starts[field] = valueStart;
      ends[field] = valueEnd;
    });
    if (this.#layout.missingKeys === 'null') return;
    const missing = starts.indexOf(MISSING);
    if (missing < 0) return;
    const key = this.#layout.keys[missing] ?? '';
    throw new JsonFault('MISSING_KEY', 'The object lacks a key that others have', start, key);
  }

  /** The field of a key; in the usual case that of the same member of the object before. */
  #fieldAt(bytes: Buffer, keyStart: number, keyEnd: number, member: number): number {
    const last = this.#lastFields[member] ?? MISSING;
    const written = this.#written[last];
    if (written !== undefined && isAt(bytes, keyStart, keyEnd, written)) return last;
    const key = keyText(bytes, keyStart, keyEnd);
    const field = this.#fieldOf.get(key);
    this.#lastFields[member] = field ?? MISSING;
    if (field !== undefined) return field;
    if (this.#others.has(key)) throw doubled(bytes, keyStart, keyEnd);
    this.#others.add(key);
    if (this.#layout.unknownKeys === 'refuse' || this.#refused.has(loosely(key))) {
      throw new JsonFault('UNKNOWN_KEY', 'The object has a key that is not loaded', keyStart, key);
    }
    return MISSING;
  }

  #writeFields(bytes: Buffer): void {
    const { keys, isJson } = this.#layout;
    const [starts, ends] = [this.#starts, this.#ends];
    for (let i = 0; i < keys.length; i += 1) {
      const start = starts[i] as number;
      const end = ends[i] as number;
      if (start !== MISSING) this.#writeValue(bytes, start, end, i, isJson[i] === true);
      this.#put(COMMA);
    }
  }

  #writeValue(bytes: Buffer, start: number, end: number, field: number, isJson: boolean): void {
    const first = bytes[start] as number;
    if (first === LOWER_N) return;
    if (first === QUOTE && !isJson) {
      const escape = bytes.indexOf(BACKSLASH, start);
      // With its quotes, and no other between them, it is a CSV field.
      if (escape < 0 || escape >= end) this.#at += bytes.copy(this.#out, this.#at, start, end);
      else this.#writeUnescaped(bytes, start, end, field);
    } else if (isJson || first === 0x7b || first === 0x5b) {
      this.#put(QUOTE);
      this.#writeQuoted(bytes, start, end);
      this.#put(QUOTE);
    } else {
      this.#at += bytes.copy(this.#out, this.#at, start, end);
    }
  }

  #writeUnescaped(bytes: Buffer, start: number, end: number, field: number): void {
    this.#put(QUOTE);
    for (let p = start + 1; p < end - 1; p += 1) {
      const byte = bytes[p] as number;
      if (byte !== BACKSLASH) {
        this.#put(byte);
        continue;
      }
      const escaped = bytes[p + 1] as number;
      if (escaped !== LOWER_U) {
        const meant = UNESCAPED[escaped] as number;
        if (meant === QUOTE) this.#put(QUOTE);
        this.#put(meant);
        p += 1;
        continue;
      }
      const code = codeAt(bytes, p + 2);
      const low = code >= 0xd800 && code <= 0xdbff ? lowSurrogateAt(bytes, p + 6) : MISSING;
      const key = this.#layout.keys[field];
      if (code === 0) throw new JsonFault('NUL_BYTE', 'A NUL, written \\u0000', p, key);
      if (code >= 0xd800 && code <= 0xdfff && low < 0) {
        throw new JsonFault('INVALID_JSON', 'Half of a surrogate pair is no character', p, key);
      }
      if (code === QUOTE) this.#put(QUOTE);
      const character = low < 0 ? code : 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      this.#at += this.#out.write(String.fromCodePoint(character), this.#at);
      p += low < 0 ? 5 : 11;
    }
    this.#put(QUOTE);
  }

  /** Bytes inside of quotes that the caller writes. */
  #writeQuoted(bytes: Buffer, start: number, end: number): void {
    const out = this.#out;
    let at = this.#at;
    for (let p = start; p < end; p += 1) {
      const byte = bytes[p] as number;
      if (byte === QUOTE) {
        out[at] = QUOTE;
        at += 1;
      }
      out[at] = byte;
      at += 1;
    }
    this.#at = at;
  }

  #put(byte: number): void {
    this.#out[this.#at] = byte;
    this.#at += 1;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#at + bytes));
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}

function doubled(bytes: Buffer, keyStart: number, keyEnd: number): JsonFault {
  const key = keyText(bytes, keyStart, keyEnd);
  return new JsonFault('DUPLICATE_KEY', 'The object has a key twice', keyStart, key);
}

function lowSurrogateAt(bytes: Buffer, p: number): number {
  if (bytes[p] !== BACKSLASH || bytes[p + 1] !== LOWER_U) return MISSING;
  const code = codeAt(bytes, p + 2);
  return code >= 0xdc00 && code <= 0xdfff ? code : MISSING;
}

function isAt(bytes: Buffer, start: number, end: number, expected: Buffer): boolean {
  if (end - start !== expected.length) return false;
  for (let i = 0; i < expected.length; i += 1) if (bytes[start + i] !== expected[i]) return false;
  return true;
}
