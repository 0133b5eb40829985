import {
  type FaultHandle,
  type FaultProxy,
  startFaultProxy,
  testServers,
  anyServer,
  waitFor,
} from '@copyline/testkit';
import type { Connection } from '@copyline/dws-client';
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';

import { cancelOnAbort } from '../src/extract/stop-signal.ts';
import { Destination } from '../src/extract/sink/destination.ts';
import {
  copyRuns,
  expectHealthy,
  expectNothingPublished,
  type Outcome,
  useExtracting,
} from './extracting.ts';

/** 60 MB: more than every buffer on the way, so that whoever acts in the middle is in the middle. */
const LARGE = {
  query: `select i, repeat('x', 1000) as text from generate_series(1, 60000) i order by i`,
};

describe.each(anyServer())('an extract from $name, when things break', (server) => {
  const extracting = useExtracting(server);
  const { db, extract, text } = extracting;
  let proxy: FaultProxy;
  let connection: Connection;

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await extracting.open(proxy);
  });

  /** Acts once, when so many bytes have come. */
  async function extractAnd(
    act: () => void | Promise<void>,
    afterBytes = 5_000_000,
  ): Promise<Outcome> {
    let acting: Promise<void> | undefined;
    const outcome = await extract(
      { from: LARGE },
      {
        connection,
        onProgress: ({ bytesRead }) => {
          if (bytesRead > afterBytes) acting ??= Promise.resolve(act());
        },
      },
    );
    expect(acting).toBeDefined();
    await acting;
    return outcome;
  }

  it('F8: the backend is terminated; a retry is whole', async () => {
    const outcome = await extractAnd(async () => {
      const pid = await copyRuns(db);
      await db.sql('select pg_terminate_backend($1)', [pid]);
    });
    expect(outcome.error).toMatchObject({ code: 'CONNECTION_LOST', retry: 'retry' });
    await expectNothingPublished(extracting, outcome);
    expect(connection.isUsable).toBe(false);
    expect(outcome.report.bytesRead).toBeGreaterThan(5_000_000);
    expect(outcome.report.rowsRead).toBeGreaterThan(4_000);

    const { report } = await extract({ from: LARGE });
    expect(report.rowsExtracted).toBe(60_000);
  });

  it.each<[string, () => void]>([
    [
      'F15: the line is reset',
      () => {
        proxy.reset();
      },
    ],
    [
      'F17: the server closes without a word',
      () => {
        proxy.halfClose('toClient');
      },
    ],
  ])('%s', async (_, act) => {
    const outcome = await extractAnd(act);
    expect(outcome.error).toMatchObject({ code: 'CONNECTION_LOST', retry: 'retry' });
    await expectNothingPublished(extracting, outcome);
    expect(connection.isUsable).toBe(false);
  });

  it('F18: a line of small pieces and long ways is slower, and exact', async () => {
    proxy.slice(1460);
    proxy.delay(50);
    const query = 'select i from generate_series(1, 20000) i';
    const { error } = await extract({ from: { query }, csv: { header: false } }, { connection });
    expect(error).toBeUndefined();
    expect(await text()).toBe(Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join(''));
  });

  it('the server refuses to go on', async () => {
    const query = 'select 1 / (50000 - i) from generate_series(1, 60000) i';
    const outcome = await extract({ from: { query } }, { connection });
    expect(outcome.error).toMatchObject({ sqlstate: '22012', commitState: 'rolled_back' });
    await expectNothingPublished(extracting, outcome);
    await expectHealthy(connection);
  });

  it('the server’s time limit for a statement is over', async () => {
    const query = 'select pg_sleep(0.01) from generate_series(1, 60000)';
    const outcome = await extract({ from: { query }, statementTimeoutMs: 200 }, { connection });
    expect(outcome.error).toMatchObject({ code: 'STATEMENT_CANCELLED' });
    await expectNothingPublished(extracting, outcome);
    await expectHealthy(connection);
    const { rows } = await connection.query('show statement_timeout');
    expect(rows).toEqual([{ statement_timeout: '0' }]);
  });

  it.each([
    ['F19: while the server computes, and nothing comes', 'select pg_sleep(60)'],
    ['while rows come', LARGE.query],
  ])('our own time limit is over %s', async (_, query) => {
    const outcome = await extract(
      { from: { query: `${query} /* slowly */` }, maxDurationMs: 300 },
      { connection, output: new Stuck() },
    );
    // Sixty megabytes may be quicker than that on a fast machine: then it was not too long.
    if (outcome.error === undefined) return;
    expect(outcome.error).toMatchObject({ code: 'TIME_LIMIT', commitState: 'rolled_back' });
    await expectNothingPublished(extracting, outcome);
    await expectHealthy(connection);
  });

  it('F20: a reader stands still; memory stays, and the time limit holds', async () => {
    const outcome = await extract(
      { from: LARGE, to: 'stdout', maxDurationMs: 500 },
      { connection, output: new Stuck() },
    );
    expect(outcome.error).toMatchObject({ code: 'TIME_LIMIT' });
    // What had come by then is what the buffers between here and the server hold, not the 60 MB.
    expect(outcome.report.bytesRead).toBeLessThan(2_000_000);
    await expectHealthy(connection);
  });

  it('F30b: the cancel comes late, and hits nothing that comes after', async () => {
    const cancel = proxy.parkCancel();
    const controller = new AbortController();
    const query = 'select i, repeat(md5(i::text), 30) from generate_series(1, 3000) i';
    const running = extract(
      { from: { query } },
      {
        connection,
        onProgress: ({ bytesRead }) => {
          if (bytesRead > 0) controller.abort();
        },
      },
      controller.signal,
    );
    await cancel.reached;
    // The COPY has ended by itself when the cancel gets to the server.
    await waitFor('the COPY to end', async () => {
      const sql = `select from pg_stat_activity where state = 'idle in transaction'
                      and datname = current_database() and application_name = 'copyline'`;
      return (await db.sql(sql)).length > 0;
    });
    cancel.release();
    const outcome = await running;
    expect(outcome.error).toMatchObject({ code: 'INTERRUPTED' });
    await expectNothingPublished(extracting, outcome);
    await expectHealthy(connection);
  });

  it('F73: it is interrupted while it waits for a lock, and an outer transaction goes on', async () => {
    await db.sql('create table locked (id int); create table marker (id int)');
    const locker = await db.client();
    await locker.query('begin; lock table locked');
    const controller = new AbortController();
    await connection.transaction(async () => {
      await connection.query('insert into marker values (1)');
      const running = extract({ from: { table: 'locked' } }, { connection }, controller.signal);
      await waitFor('it to wait for the lock', async () => {
        // Of all databases: another test's waits are not meant.
        const sql = `select from pg_locks where not granted and relation = 'locked'::regclass`;
        return (await db.sql(sql)).length > 0;
      });
      controller.abort();
      const outcome = await running;
      expect(outcome.error).toMatchObject({ code: 'INTERRUPTED' });
      await expectNothingPublished(extracting, outcome);
      await connection.query('insert into marker values (2)');
    });
    await locker.query('rollback');
    expect(await db.sql('select id from marker')).toHaveLength(2);
    await expectHealthy(connection);
  });

  it('a stop between two statements ends the second one, whatever it waits for', async () => {
    await db.sql('create table locked (id int)');
    const locker = await db.client();
    await locker.query('begin; lock table locked');
    const controller = new AbortController();
    const work = cancelOnAbort(connection, controller.signal, async () => {
      const first = connection.query('select 1');
      controller.abort();
      await first;
      await connection.query('select 1 from locked');
    });
    await expect(work).rejects.toMatchObject({ sqlstate: '57014' });
    await locker.query('rollback');
    await expectHealthy(connection);
  });

  it('a dead line is not waited for', async () => {
    const controller = new AbortController();
    const holes: FaultHandle[] = [];
    const outcome = await extract(
      { from: LARGE },
      {
        connection,
        onProgress: ({ bytesRead }) => {
          if (bytesRead < 1_000_000 || holes.length > 0) return;
          holes.push(proxy.blackHole());
          controller.abort();
        },
      },
      controller.signal,
    );
    expect(outcome.error).toMatchObject({ code: 'INTERRUPTED' });
    expect(connection.isUsable).toBe(false);
    await expectNothingPublished(extracting, outcome);
    for (const hole of holes) hole.release();
    proxy.reset(); // the server learns of it, too
  });
});

describe('publishing', () => {
  const [server] = testServers();
  if (server === undefined) throw new Error('There is no server');
  const extracting = useExtracting(server);

  it('that fails at the manifest takes the files back, and puts the old manifest back', async () => {
    const before = { from: { query: 'select 1 as one' } };
    await extracting.extract(before);
    const manifest = await readFile(extracting.path('out.csv.manifest.json'), 'utf8');
    const policy = { overwrite: true, isSplit: true };
    await using destination = await Destination.open(extracting.path('out.csv'), policy);
    const file = await destination.create('out-00001.csv');
    await file.finish();
    const broken = await destination.create('out.csv.manifest.json');
    await broken.finish();
    await broken.discard(); // nothing to rename any more
    await expect(destination.publish([file], broken)).rejects.toMatchObject({
      code: 'SINK_UNWRITABLE',
    });
    await destination.discard();
    expect(await extracting.names()).toEqual(['out.csv', 'out.csv.manifest.json']);
    expect(await extracting.text('out.csv.manifest.json')).toBe(manifest);
  });
});

/** A reader that takes nothing. */
class Stuck extends Writable {
  override _write(): void {
    // and never says that it is done
  }
}
