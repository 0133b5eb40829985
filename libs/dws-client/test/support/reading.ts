import { waitFor } from '@copyline/testkit';
import type { TestDatabase } from '@copyline/testkit';

/** About 7 bytes a row in text. */
export const SERIES = (rows: number): string =>
  `copy (select i from generate_series(1, ${rows}) i) to stdout`;

/** About 100 MB, far more than every buffer between here and the server. */
export const ENDLESS = `copy (select repeat('x', 1000) from generate_series(1, 100000)) to stdout`;

export async function readAll(data: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of data) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

export function series(first: number, last: number): string {
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}\n`).join('');
}

/** Waits until a backend waits for its client to read. */
export async function heldBack(db: TestDatabase): Promise<void> {
  await waitFor('the server to be held back', async () => {
    const all = await db.sql(
      `select from pg_stat_activity
        where datname = current_database() and wait_event = 'ClientWrite' and query ilike 'copy%'`,
    );
    return all.length > 0;
  });
}
