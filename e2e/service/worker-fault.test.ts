import { anyServer, openGate, rowsExactlyOnce, useOwnDatabase, writeCsv } from '@copyline/testkit';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ledgerStates } from '../exactly-once.ts';
import { runningService, stopAll } from './service.ts';

const ROWS = 20_000;
const TABLES = ['t', 'other'];
const THROW = new URL('throw-on-signal.mjs', import.meta.url).href;

describe.each(anyServer())('F70: a worker in which nobody catches a fault, on $name', (server) => {
  const db = useOwnDatabase(server);

  it('ends at once; all its loads roll back, and the next worker loads each once', async () => {
    const faulty = (TEST_FAULT: 'exception' | 'rejection') => ({
      NODE_OPTIONS: `--import=${THROW}`,
      TEST_FAULT,
    });
    const { service, scheduler, worker } = await runningService(db, {
      backend: 'postgres',
      rows: ROWS,
      workerEnv: faulty('exception'),
    });
    const other = await writeCsv(join(service.inbox, 'other.csv'), { rows: ROWS, shape: 'mixed' });
    await db.sql(other.createTableSql('other'));
    const gates = await Promise.all(
      TABLES.map((table) => openGate(db, table, { column: 'rid', at: ROWS * 0.6 })),
    );
    const jobs = await Promise.all(
      ['rows', 'other'].map((name, i) =>
        scheduler.submit({ source: `inbox:${name}.csv`, into: TABLES[i] ?? '' }),
      ),
    );

    let faultyWorker = worker;
    for (const origin of ['uncaughtException', 'unhandledRejection']) {
      const sessions = await Promise.all(gates.map((gate) => gate.reached({ timeoutMs: 30_000 })));
      faultyWorker.kill('SIGUSR2');
      expect((await faultyWorker.exit).code).toBe(1);
      const said = `${faultyWorker.stdout}${faultyWorker.stderr}`;
      expect(said).toContain(`Ending at once: ${origin}: planted fault`);
      expect(said.match(/Ending at once/g)).toHaveLength(1);
      // They wait at the gate and not for their client: they would not notice that it is gone.
      for (const pid of sessions) await db.sql('select pg_terminate_backend($1)', [pid]);
      for (const table of TABLES) await rowsExactlyOnce(db, table, 0);
      if (origin === 'unhandledRejection') break;
      faultyWorker = await service.startWorker({ env: faulty('rejection') });
    }
    for (const gate of gates) await gate.release();
    const sound = await service.startWorker();

    for (const { id } of jobs) {
      expect(await scheduler.jobEnded(id)).toMatchObject({
        state: 'done',
        runs: 3,
        report: { rowsLoaded: ROWS, deduplicated: false },
      });
    }
    await stopAll(sound, scheduler);
    for (const table of TABLES) await rowsExactlyOnce(db, table, ROWS);
    expect((await ledgerStates(db)).filter((state) => state === 'done')).toHaveLength(2);
  });
});
