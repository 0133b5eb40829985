import { testServers, useTestDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { compareType, WANTED } from './differential.ts';
import { TEXT_CASES } from './text-cases.ts';
import { NUMBER_CASES } from './number-cases.ts';
import type { TypeCase } from './type-case.ts';

/** Set it to run again what has failed. */
const SEED = Number(process.env['COPYLINE_SEED'] ?? Date.now() % 1_000_000);

const CASES: readonly TypeCase[] = [...NUMBER_CASES, ...TEXT_CASES];

/**
 * Accepted values are stored as COPY stores their text, byte for byte; refused values are refused by
 * the server in the same words; the rest is for the server anyway.
 */
describe.each(testServers())('encoders, against $name', (server) => {
  const db = useTestDatabase(server);

  it.each(CASES)('$sql', async (type) => {
    const counts = await compareType(db, type, SEED).catch((error: unknown) => {
      console.error(`COPYLINE_SEED=${SEED}`);
      throw error;
    });
    console.info(summary(server.name, type, counts));
    expect(counts.accepted).toBeGreaterThanOrEqual(WANTED.accepted);
    const { none } = type;
    if (none?.asked === undefined) expect(counts.asked).toBeGreaterThanOrEqual(WANTED.asked);
    if (none?.refused === undefined) expect(counts.refused).toBeGreaterThanOrEqual(WANTED.refused);
  });
});

function summary(
  server: string,
  { sql, none }: TypeCase,
  counts: Awaited<ReturnType<typeof compareType>>,
): string {
  const { accepted, asked, askedInVain, refused } = counts;
  const reasons = Object.entries(none ?? {}).map(([kind, why]) => `; none ${kind}: ${why}`);
  return (
    `${server} ${sql}: ${accepted} accepted, ${asked} asked and taken, ${askedInVain} asked in vain, ` +
    `${refused} refused (seed ${SEED})${reasons.join('')}`
  );
}
