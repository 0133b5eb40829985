import { postgresServers, useTestDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { compareType, WANTED, type Counts } from './differential.ts';
import type { TypeCase } from './type-case.ts';

/** Set it to run again what has failed. */
const SEED = Number(process.env['COPYLINE_SEED'] ?? Date.now() % 1_000_000);

/**
 * Accepted values are stored as COPY stores their text, byte for byte; refused values are refused by
 * the server in the same words; the rest is for the server anyway.
 */
export function describeEncoders(what: string, cases: readonly TypeCase[]): void {
  describe.each(postgresServers())(`encoders of ${what}, against $name`, (server) => {
    const db = useTestDatabase(server);

    it.each(cases.map((type) => ({ title: titleOf(type), type })))('$title', async ({ type }) => {
      const counts = await compareType(db, type, SEED).catch((error: unknown) => {
        console.error(`COPYLINE_SEED=${SEED}`);
        throw error;
      });
      console.info(summary(server.name, type, counts));
      expect(counts.accepted).toBeGreaterThanOrEqual(WANTED.accepted);
      const { none } = type;
      if (none?.asked === undefined) expect(counts.asked).toBeGreaterThanOrEqual(WANTED.asked);
      if (none?.refused === undefined) {
        expect(counts.refused).toBeGreaterThanOrEqual(WANTED.refused);
      }
    });
  });
}

function titleOf({ sql, settings }: TypeCase): string {
  return [sql, settings?.dateStyle, settings?.timeZone].filter(Boolean).join('; ');
}

function summary(server: string, type: TypeCase, counts: Counts): string {
  const { accepted, asked, askedInVain, refused } = counts;
  const reasons = Object.entries(type.none ?? {}).map(([kind, why]) => `; none ${kind}: ${why}`);
  return (
    `${server} ${titleOf(type)}: ${accepted} accepted, ${asked} asked and taken, ` +
    `${askedInVain} asked in vain, ${refused} refused (seed ${SEED})${reasons.join('')}`
  );
}
