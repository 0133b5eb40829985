import type { PlainPage } from './plain-page.ts';
import { type ColumnFields, ValueFault, type ValueWriter } from './value-writer.ts';

/** PostgreSQL counts from 2000-01-01, Parquet from 1970-01-01. */
const EPOCH_DAYS = 10_957;
/** 0001-01-01, in days from 2000-01-01: before it lies 1 BC, which hardly any reader can show. */
const FIRST_DAY = -730_119;
const INT32_MAX = 0x7fff_ffff;
const INT32_MIN = -0x8000_0000;
const TWO_32 = 0x1_0000_0000;
const DAY_MICROS = 86_400_000_000;

/** The same as pairs of a high and a low half, for what no double holds. */
const EPOCH_HIGH = Math.floor((EPOCH_DAYS * DAY_MICROS) / TWO_32);
const EPOCH_LOW = EPOCH_DAYS * DAY_MICROS - EPOCH_HIGH * TWO_32;
const FIRST = BigInt(FIRST_DAY) * BigInt(DAY_MICROS);
const FIRST_HIGH = Number(FIRST >> 32n);
const FIRST_LOW = Number(FIRST & 0xffff_ffffn);

/** Days since 1970. */
export class DateWriter implements ValueWriter {
  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    const out = page.reserve((to - from) * 4);
    let at = page.length;
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const days = int32(bytes, starts[i] as number);
      if (days === INT32_MAX) throw new ValueFault(i, 'infinity', 'a date of the calendar');
      if (days === INT32_MIN) throw new ValueFault(i, '-infinity', 'a date of the calendar');
      if (days < FIRST_DAY) throw new ValueFault(i, 'a date BC', 'a date from 0001-01-01 on');
      at = writeInt32(out, at, days + EPOCH_DAYS);
    }
    page.length = at;
  }
}

/** Microseconds since 1970; with and without a time zone alike, the schema tells which. */
export class TimestampWriter implements ValueWriter {
  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    const out = page.reserve((to - from) * 8);
    let at = page.length;
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const start = starts[i] as number;
      let high = int32(bytes, start);
      let low = (int32(bytes, start + 4) >>> 0) + EPOCH_LOW;
      if (high <= FIRST_HIGH || high > INT32_MAX - EPOCH_HIGH - 1) {
        assertTimestamp(high, low - EPOCH_LOW, i);
      }
      high += EPOCH_HIGH;
      if (low >= TWO_32) {
        low -= TWO_32;
        high += 1;
      }
      at = writeInt32(out, writeInt32(out, at, low), high);
    }
    page.length = at;
  }
}

function assertTimestamp(high: number, low: number, index: number): void {
  if (high === INT32_MAX && low === TWO_32 - 1) {
    throw new ValueFault(index, 'infinity', 'a point in time');
  }
  if (high === INT32_MIN && low === 0) throw new ValueFault(index, '-infinity', 'a point in time');
  if (high < FIRST_HIGH || (high === FIRST_HIGH && low < FIRST_LOW)) {
    throw new ValueFault(index, 'a timestamp BC', 'a timestamp from 0001-01-01 on');
  }
  const sum = BigInt(high) * BigInt(TWO_32) + BigInt(low) + BigInt(EPOCH_DAYS * DAY_MICROS);
  if (sum >= 1n << 63n) {
    throw new ValueFault(index, 'a timestamp after 294246', '64 bits of microseconds since 1970');
  }
}

/** Microseconds since midnight; 24:00:00 belongs to no day there. */
export class TimeWriter implements ValueWriter {
  write({ bytes, starts, lengths, from, to }: ColumnFields, page: PlainPage): void {
    const out = page.reserve((to - from) * 8);
    let at = page.length;
    for (let i = from; i < to; i += 1) {
      if ((lengths[i] as number) < 0) continue;
      const high = int32(bytes, starts[i] as number);
      const low = int32(bytes, (starts[i] as number) + 4) >>> 0;
      if (high * TWO_32 + low >= DAY_MICROS) {
        throw new ValueFault(i, '24:00:00', 'a time before midnight');
      }
      at = writeInt32(out, writeInt32(out, at, low), high);
    }
    page.length = at;
  }
}

function int32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** The lowest byte first. */
function writeInt32(out: Buffer, at: number, value: number): number {
  out[at] = value;
  out[at + 1] = value >>> 8;
  out[at + 2] = value >>> 16;
  out[at + 3] = value >>> 24;
  return at + 4;
}
