import { isWord, SPACE } from './ascii.ts';
import {
  writeInt32,
  writeInt64Field,
  writeInt64ProductField,
  writeShortLength,
} from './big-endian.ts';
import {
  DATE_BYTES,
  dayAt,
  NO_SHAPE,
  OUT_OF_RANGE,
  timeOfDay,
  UNCERTAIN,
  zoneAt,
  zoneOffset,
} from './calendar.ts';
import { ASK, REFUSE, type FieldEncoder, type Refusal } from './field-encoder.ts';

const UPPER_T = 0x54;
const DAY_SECONDS = 86_400;
const SECOND_MICROS = 1e6;
/** The bytes of infinity and -infinity in an int64; a date has the first half of each. */
const LATEST = 0x7fff_ffff;
const EARLIEST = -0x8000_0000;

/**
 * ISO 8601 dates of the years 1 to 9999. Everything else is asked: its meaning depends on DateStyle,
 * on the server's table of abbreviations, or on the clock.
 */
export class DateEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    let day = end - start === DATE_BYTES ? dayAt(bytes, start) : NO_SHAPE;
    if (day <= NO_SHAPE) {
      if (day === OUT_OF_RANGE) return REFUSE;
      if (isWord(bytes, start, end, 'infinity')) day = LATEST;
      else if (isWord(bytes, start, end, '-infinity')) day = EARLIEST;
      else return judge(bytes, start, end);
    }
    return writeInt32(out, writeShortLength(out, at, 4), day);
  }

  refusal(field: string): Refusal {
    return refusalOf('date', field);
  }
}

/** time without time zone. The server rounds to a typmod, for binary input as for text. */
export class TimeEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const micros = timeOfDay(bytes, start, end);
    if (micros >= 0) return writeInt64Field(out, at, micros);
    if (micros === OUT_OF_RANGE) return REFUSE;
    return micros === UNCERTAIN ? ASK : judge(bytes, start, end);
  }

  refusal(field: string): Refusal {
    return refusalOf('time', field);
  }
}

/** timestamp without time zone: a date, alone or with a time behind a space or a T. */
export class TimestampEncoder implements FieldEncoder {
  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const day = end - start >= DATE_BYTES ? dayAt(bytes, start) : NO_SHAPE;
    if (day === NO_SHAPE) return otherMoment(bytes, start, end, out, at);
    const micros = timeAfterDate(bytes, start, end);
    return writeMoment(day, micros, 0, out, at);
  }

  refusal(field: string): Refusal {
    return refusalOf('timestamp', field);
  }
}

/** timestamp with time zone: with an offset in digits, or without one where the session is in UTC. */
export class TimestamptzEncoder implements FieldEncoder {
  readonly #isUtc: boolean;

  constructor(timeZone: string) {
    this.#isUtc = UTC_NAMES.has(timeZone.toUpperCase());
  }

  encode(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const day = end - start >= DATE_BYTES ? dayAt(bytes, start) : NO_SHAPE;
    if (day === NO_SHAPE) return otherMoment(bytes, start, end, out, at);
    // The hyphens of a date alone would look like the sign of an offset.
    const zone = end - start === DATE_BYTES ? end : zoneAt(bytes, end);
    let offset = 0;
    if (zone === end) {
      if (!this.#isUtc) return ASK;
    } else {
      if (zone <= start + DATE_BYTES) return ASK;
      offset = zoneOffset(bytes, zone, end);
      if (offset === NO_SHAPE) return ASK;
    }
    const micros = timeAfterDate(bytes, start, zone);
    return writeMoment(day, micros, offset, out, at);
  }

  refusal(field: string): Refusal {
    return refusalOf('timestamp with time zone', field);
  }
}

const UTC_NAMES = new Set([
  ...['UTC', 'GMT', 'UCT', 'ZULU', 'UNIVERSAL', 'GREENWICH'],
  ...['ETC/UTC', 'ETC/GMT', 'ETC/UCT', 'ETC/ZULU', 'ETC/UNIVERSAL', 'ETC/GREENWICH'],
]);

/** The microseconds of the time behind a date, or why there are none. */
function timeAfterDate(bytes: Buffer, start: number, end: number): number {
  const p = start + DATE_BYTES;
  if (p === end) return 0;
  const separator = bytes[p];
  if (separator !== SPACE && separator !== UPPER_T) return NO_SHAPE;
  return timeOfDay(bytes, p + 1, end);
}

/** Writes a day and its time, either of which may be a reason why there is none. */
function writeMoment(day: number, micros: number, offset: number, out: Buffer, at: number): number {
  if (micros < 0) return micros === OUT_OF_RANGE ? REFUSE : ASK;
  if (day === OUT_OF_RANGE) return REFUSE;
  return writeInt64ProductField(out, at, day * DAY_SECONDS - offset, SECOND_MICROS, micros);
}

/** What does not begin with a date. */
function otherMoment(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  const isLatest = isWord(bytes, start, end, 'infinity');
  if (!isLatest && !isWord(bytes, start, end, '-infinity')) return judge(bytes, start, end);
  const p = writeInt32(out, writeShortLength(out, at, 8), isLatest ? LATEST : EARLIEST);
  return writeInt32(out, p, isLatest ? -1 : 0);
}

/** A longer word is left to the server. */
const WORD_BYTES = 60;
/** Nothing, or one word. There is no date or time without a digit but for a few words. */
const ONE_WORD = /^[ \t\n\v\f\r]*[a-z]*$/i;
const MEANINGFUL = /now|today|tomorrow|yesterday|epoch|infinity|allballs/i;

function judge(bytes: Buffer, start: number, end: number): number {
  if (end - start > WORD_BYTES) return ASK;
  const text = bytes.toString('latin1', start, end);
  return ONE_WORD.test(text) && !MEANINGFUL.test(text) ? REFUSE : ASK;
}

function refusalOf(type: string, field: string): Refusal {
  return ONE_WORD.test(field)
    ? { sqlstate: '22007', reason: `invalid input syntax for type ${type}: "${field}"` }
    : { sqlstate: '22008', reason: `date/time field value out of range: "${field}"` };
}
