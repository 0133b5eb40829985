import { writeInt32 } from './big-endian.ts';
import { ASK, REFUSE, type FieldEncoder, type Refusal } from './field-encoder.ts';
import { checkJson } from './json-grammar.ts';
import { copyBytes, writeBytes } from './copy-bytes.ts';

const INVALID: Refusal = { sqlstate: '22P02', reason: 'invalid input syntax for type json' };

/** json is stored as it is written; the server checks it again. */
export class JsonEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const verdict = checkJson(bytes, start, end, false);
    return verdict < 0 ? verdict : writeBytes(bytes, start, end, out, at);
  }

  refusal(): Refusal {
    return INVALID;
  }
}

/** The version of jsonb's binary form; text follows it. */
const JSONB_VERSION = 1;
/** Larger ones are asked: strings and containers have a limit of 256 MiB. */
const MOST_JSONB_BYTES = 64 * 1024 * 1024;

export class JsonbEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const length = end - start;
    if (length > MOST_JSONB_BYTES) return ASK;
    const verdict = checkJson(bytes, start, end, true);
    if (verdict === REFUSE) return mentionsNul(bytes, start, end) ? ASK : REFUSE;
    if (verdict === ASK) return ASK;
    const p = writeInt32(out, at, length + 1);
    out[p] = JSONB_VERSION;
    return copyBytes(bytes, start, end, out, p + 1);
  }

  refusal(): Refusal {
    return INVALID;
  }
}

/** The server reads one token ahead, so an escaped NUL may be what it stumbles over first. */
function mentionsNul(bytes: Buffer, start: number, end: number): boolean {
  return bytes.subarray(start, end).includes('\\u0000');
}
