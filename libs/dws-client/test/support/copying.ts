import { expect, onTestFinished } from 'vitest';

import type { Connection, CopySink } from '../../src/index.ts';
import { countOf, expectHealthy, lines } from './connected.ts';
import type { TestDatabase } from '@copyline/testkit';

export const COPY = 'copy orders from stdin';

/** About 45 KB; COPY looks at its input in pieces of 64 KiB. */
export const BLOCK = lines(1, 9_362);
/** Of those: 23 MB, more than every buffer between here and a server that does not read. */
const FAR_TOO_MUCH = 512;

/** A feed that waits until it is let go, as one does whose source says nothing. */
export function stuckFeed(): { feed: () => Promise<void>; end: () => void } {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  onTestFinished(() => {
    end();
  });
  return { feed: () => ended, end };
}

/** Writes more than fits anywhere, so that the writer is held back. */
export async function floodFeed(sink: CopySink): Promise<void> {
  for (let block = 0; block < FAR_TOO_MUCH; block += 1) await sink.write(BLOCK);
}

/** The oracle after a COPY that failed: nothing is stored, and the connection works or is gone. */
export async function expectNothingStored(db: TestDatabase, connection: Connection): Promise<void> {
  if (connection.isUsable) await expectHealthy(connection);
  else {
    await expect(connection.query('select 1')).rejects.toMatchObject({
      code: 'CONNECTION_UNUSABLE',
    });
  }
  expect(await countOf(db, 'orders')).toBe(0);
}
