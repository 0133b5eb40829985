import { anyServer, openGate, rowsExactlyOnce, useOwnDatabase, waitFor } from '@copyline/testkit';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { outcomeOf, startLoad } from './copyline.ts';
import { loadedExactlyOnce } from './exactly-once.ts';

const MB = 1e6;
/** Long rows, which cost neither side much; shorter than what the server would compress. */
const ROW_BYTES = 1_900;
const ROWS = 110_000;
/** What docs/benchmarks.md promises for any CSV file. */
const MOST_MEMORY = 150 * MB;
/** Beyond what the server has read: the buffers of both sockets, which Linux lets grow, and ours. */
const MOST_AHEAD = 40 * MB;
/** So many looks in a row without a byte that was read: nothing moves any more. */
const QUIET_LOOKS = 20;

describe.skipIf(!existsSync('/proc/self/io')).each(anyServer())(
  'the memory of a load, on $name',
  (server) => {
    const db = useOwnDatabase(server);

    it('stays as it is while the server reads nothing, and so does what is read of the file', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'copyline-memory-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const path = join(folder, 'rows.csv');
      const bytes = await writeLongRows(path);
      expect(bytes).toBeGreaterThan(200 * MB);
      await db.sql('create table t (rid int, note text)');
      const stopsAt = ROWS / 4;
      // The server stands still in a trigger: it reads nothing, and what is sent has nowhere to go.
      const gate = await openGate(db, 't', { column: 'rid', at: stopsAt });

      const load = startLoad(path, 't', db.url());
      await gate.reached();
      let quietLooks = 0;
      let before = 0;
      await waitFor('the load to stand still', () => {
        const now = figure(load.pid, 'io', 'rchar');
        quietLooks = now === before ? quietLooks + 1 : 0;
        before = now;
        return quietLooks >= QUIET_LOOKS;
      });
      expect(before).toBeGreaterThan(stopsAt * ROW_BYTES);
      expect(before).toBeLessThan(stopsAt * ROW_BYTES + MOST_AHEAD);
      expect(figure(load.pid, 'status', 'VmHWM') * 1024).toBeLessThan(MOST_MEMORY);
      await rowsExactlyOnce(db, 't', 0);
      await gate.release();

      expect(await outcomeOf(load)).toMatchObject({
        code: 0,
        report: { rowsLoaded: ROWS, bytesRead: bytes, lane: { name: 'binary', rowsBinary: ROWS } },
      });
      await loadedExactlyOnce(db, 't', ROWS);
    });
  },
);

/** A number that Linux tells of a process, by its name. */
function figure(pid: number, file: 'io' | 'status', name: string): number {
  const text = readFileSync(`/proc/${String(pid)}/${file}`, 'utf8');
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1]);
}

/** @returns the size of the file */
async function writeLongRows(path: string): Promise<number> {
  await using file = await open(path, 'w');
  const note = 'lorem ipsum '.repeat(ROW_BYTES / 12);
  await file.writeFile('rid,note\n');
  for (let rid = 1; rid <= ROWS; rid += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, i) => `${String(rid + i)},${note}\n`);
    await file.writeFile(rows.join(''));
  }
  return (await file.stat()).size;
}
