import { connect, type Connection } from '@copyline/dws-client';
import { anyPostgres, useTestDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { encoderFor, REFUSE, type FieldEncoder } from '../../src/encode/index.ts';

const DAYS_FROM_1_TO_9999 = 3_652_059;
const LF = 0x0a;
const TEXT_BYTES = 10;

const encoder = encoderFor(
  { name: 'date', kind: 'base', typmod: -1 },
  { serverVersion: 180_000, dateStyle: 'ISO, MDY', timeZone: 'UTC' },
) as FieldEncoder;
const out = Buffer.alloc(64);

/** The days of text lines, each of which must be the one after the last. @returns the next day */
function followDays(lines: Buffer, first: number): number {
  let day = first;
  for (let at = 0; at < lines.length; at += TEXT_BYTES + 1) {
    const end = encoder.encode(lines, at, at + TEXT_BYTES, out, 0);
    // Not `expect` for each: there are millions.
    if (end !== 8 || out.readInt32BE(4) !== day || lines[at + TEXT_BYTES] !== LF) {
      throw new Error(`${lines.toString('latin1', at, at + TEXT_BYTES)} is not day ${day}`);
    }
    day += 1;
  }
  return day;
}

async function readDays(connection: Connection): Promise<{ first: number; next: number }> {
  const { rows } = await connection.query<{ first: number }>(
    `select date '0001-01-01' - date '2000-01-01' as first`,
  );
  const first = rows[0]?.first ?? 0;
  let next = first;
  const days = connection.copyOut(
    `copy (select date '0001-01-01' + i from generate_series(0, ${DAYS_FROM_1_TO_9999 - 1}) i) to stdout`,
    { rowAligned: true },
  );
  for await (const lines of days) next = followDays(lines, next);
  return { first, next };
}

describe.each(anyPostgres())('every date, on $name', (server) => {
  const db = useTestDatabase(server);

  it('is the day that the server says', async () => {
    await using connection = await connect({ target: db.url() });
    const { first, next } = await readDays(connection);
    expect(next - first).toBe(DAYS_FROM_1_TO_9999);
  });
});

describe('every spelling YYYY-MM-DD', () => {
  it('is accepted when there is such a day, and refused when not', () => {
    const text = Buffer.alloc(TEXT_BYTES);
    const write = (value: number, digits: number, at: number): void => {
      text.write(String(value).padStart(digits, '0'), at, 'latin1');
    };
    text.write('0000-00-00', 'latin1');
    let accepted = 0;
    let others = 0;
    for (let year = 0; year <= 9999; year += 1) {
      write(year, 4, 0);
      for (let month = 0; month <= 13; month += 1) {
        write(month, 2, 5);
        for (let day = 0; day <= 32; day += 1) {
          write(day, 2, 8);
          const end = encoder.encode(text, 0, TEXT_BYTES, out, 0);
          if (end === 8) accepted += 1;
          else if (end !== REFUSE) others += 1;
        }
      }
    }
    expect({ accepted, others }).toEqual({ accepted: DAYS_FROM_1_TO_9999, others: 0 });
  });
});
