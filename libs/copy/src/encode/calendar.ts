import { COLON, DOT, MINUS, PLUS, ZERO } from './ascii.ts';

/** The bytes are no canonical spelling: the caller asks, or looks for another one. */
export const NO_SHAPE = -0x4000_0000;
/** A canonical spelling of what does not exist, such as the 31st of February. */
export const OUT_OF_RANGE = NO_SHAPE - 1;
/** A canonical spelling with a meaning that is best left to the server: 24:00, a leap second. */
export const UNCERTAIN = NO_SHAPE - 2;

/** Bytes of `2000-01-31`, of `23:59` and of `23:59:59`. */
export const DATE_BYTES = 10;
const MINUTE_BYTES = 5;
const SECOND_BYTES = 8;
const MOST_FRACTION_DIGITS = 6;

/** Days from 0001-01-01 to 2000-01-01, where the server's calendar begins. */
const DAYS_BEFORE_2000 = 730_119;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Days of each month and days before it, of common years and, from 16 on, of leap years. */
const DAYS_IN = new Uint8Array(32);
const DAYS_BEFORE = new Uint16Array(32);
for (const leap of [0, 1]) {
  let before = 0;
  MONTH_DAYS.forEach((days, i) => {
    const month = leap * 16 + i + 1;
    DAYS_BEFORE[month] = before;
    DAYS_IN[month] = i === 1 ? days + leap : days;
    before += DAYS_IN[month];
  });
}

const FRACTION_UNITS = [0, 100_000, 10_000, 1000, 100, 10, 1];

/**
 * The day of `YYYY-MM-DD` at `p`, from 2000-01-01 on; the caller has made sure of ten bytes. With
 * four digits in front this order is the same under every DateStyle.
 *
 * @returns NO_SHAPE or OUT_OF_RANGE when it is none
 */
export function dayAt(bytes: Buffer, p: number): number {
  const century = twoDigits(bytes, p);
  const yearOfCentury = twoDigits(bytes, p + 2);
  const month = twoDigits(bytes, p + 5);
  const day = twoDigits(bytes, p + 8);
  // Negative when any of them is: their sign bits add up to it.
  if ((century | yearOfCentury | month | day) < 0) return NO_SHAPE;
  if (bytes[p + 4] !== MINUS || bytes[p + 7] !== MINUS) return NO_SHAPE;
  const year = century * 100 + yearOfCentury;
  const isLeap = (year & 3) === 0 && (yearOfCentury !== 0 || (century & 3) === 0);
  if (year === 0 || month > 12) return OUT_OF_RANGE;
  const slot = isLeap ? month + 16 : month;
  // A month 0 has no days.
  if (day === 0 || day > (DAYS_IN[slot] as number)) return OUT_OF_RANGE;
  const past = year - 1;
  const leapDays = (past >> 2) - ((past / 100) | 0) + ((past / 400) | 0);
  return past * 365 + leapDays + (DAYS_BEFORE[slot] as number) + day - 1 - DAYS_BEFORE_2000;
}

/**
 * The microseconds of `HH:MM`, `HH:MM:SS` or up to six digits more.
 *
 * @returns NO_SHAPE, OUT_OF_RANGE or UNCERTAIN when they are none of a day
 */
export function timeOfDay(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length < MINUTE_BYTES) return NO_SHAPE;
  const hour = twoDigits(bytes, start);
  const minute = twoDigits(bytes, start + 3);
  if ((hour | minute) < 0 || bytes[start + 2] !== COLON) return NO_SHAPE;
  let second = 0;
  let micros = 0;
  if (length > MINUTE_BYTES) {
    if (length < SECOND_BYTES || bytes[start + 5] !== COLON) return NO_SHAPE;
    second = twoDigits(bytes, start + 6);
    if (second < 0) return NO_SHAPE;
    if (length > SECOND_BYTES) {
      micros = fraction(bytes, start + SECOND_BYTES, end);
      if (micros < 0) return NO_SHAPE;
    }
  }
  if (hour > 24 || minute > 59 || second > 60) return OUT_OF_RANGE;
  if (hour === 24 || second === 60) return UNCERTAIN;
  return (hour * 3600 + minute * 60 + second) * 1e6 + micros;
}

/** The microseconds of a point and one to six digits; -1 for anything else. */
function fraction(bytes: Buffer, start: number, end: number): number {
  const digits = end - start - 1;
  if (digits > MOST_FRACTION_DIGITS || digits === 0 || bytes[start] !== DOT) return -1;
  let value = 0;
  for (let p = start + 1; p < end; p += 1) {
    const digit = (bytes[p] as number) - ZERO;
    if (digit >>> 0 > 9) return -1;
    value = value * 10 + digit;
  }
  return value * (FRACTION_UNITS[digits] as number);
}

const UPPER_Z = 0x5a;
/** The server's limit, MAX_TZDISP_HOUR. */
const MOST_OFFSET_HOURS = 15;

/** Where a time zone begins at the end of a time: `Z`, `+HH`, `+HHMM` or `+HH:MM`; `end` without one. */
export function zoneAt(bytes: Buffer, end: number): number {
  if (bytes[end - 1] === UPPER_Z) return end - 1;
  if (isSign(bytes[end - 3])) return end - 3;
  if (isSign(bytes[end - 6])) return end - 6;
  return isSign(bytes[end - 5]) ? end - 5 : end;
}

/** The seconds by which a zone's clocks are before UTC; NO_SHAPE when it is none. */
export function zoneOffset(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length === 1) return 0;
  const hours = twoDigits(bytes, start + 1);
  const minutes = length === 3 ? 0 : twoDigits(bytes, end - 2);
  if (hours < 0 || minutes < 0 || hours > MOST_OFFSET_HOURS || minutes > 59) return NO_SHAPE;
  if (length === 6 && bytes[start + 3] !== COLON) return NO_SHAPE;
  const seconds = hours * 3600 + minutes * 60;
  return bytes[start] === MINUS ? -seconds : seconds;
}

function isSign(byte: number | undefined): boolean {
  return byte === PLUS || byte === MINUS;
}

/** The value of two digits; negative for anything else. */
function twoDigits(bytes: Buffer, p: number): number {
  const tens = (bytes[p] as number) - ZERO;
  const ones = (bytes[p + 1] as number) - ZERO;
  return tens >>> 0 > 9 || ones >>> 0 > 9 ? -1 : tens * 10 + ones;
}
