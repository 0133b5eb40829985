import { connect, type Connection } from '@copyline/dws-client';
import { startTemporary } from '@copyline/embedded';
import {
  commitGate,
  openGate,
  postgres18,
  useOwnDatabase,
  waitFor,
  writeCsv,
  type WrittenCsv,
} from '@copyline/testkit';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { outcomeOf, startLoad } from './copyline.ts';
import { ledgerStates, loadedExactlyOnce, notLoaded } from './exactly-once.ts';

let directory: string;
let file: WrittenCsv;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copyline-interrupt-'));
  file = await writeCsv(join(directory, 'orders.csv'), { rows: 50_000, shape: 'mixed' });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('Ctrl-C', () => {
  const db = useOwnDatabase(postgres18());

  it('during COPY rolls back and says so, although the server waits for a lock', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: 25_000 });
    const load = startLoad(file.path, 't', db.url());
    await gate.reached();

    load.kill('SIGINT');
    const outcome = await outcomeOf(load);
    await gate.release();

    expect(outcome).toMatchObject({
      code: 130,
      report: {
        status: 'interrupted',
        rowsLoaded: 0,
        error: { code: 'INTERRUPTED', commitState: 'rolled_back', retry: 'retry' },
      },
    });
    expect(load.stderr).toContain('Rolling back');
    await notLoaded(db, 't');
    expect(await ledgerStates(db)).toEqual(['failed']);
  });

  it('while another run of the same file is waited for ends the waiting', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: 25_000 });
    const first = startLoad(file.path, 't', db.url());
    await gate.reached();
    const second = startLoad(file.path, 't', db.url());
    await waitFor('the second run to look at the claim', async () => {
      const sessions = await db.sql(
        `SELECT FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'copyline' AND query LIKE '%claim%FOR UPDATE NOWAIT%'
            AND state = 'idle'`,
      );
      return sessions.length > 0;
    });

    second.kill('SIGINT');
    expect((await outcomeOf(second)).code).toBe(130);

    await gate.release();
    expect((await outcomeOf(first)).code).toBe(0);
    await loadedExactlyOnce(db, 't', file.rows);
  });

  it('during COMMIT waits for the answer, and the load is loaded', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
    const load = startLoad(file.path, 't', db.url());
    await gate.reached();

    load.kill('SIGINT');
    await load.waitForOutput(/Waiting for the answer to COMMIT/);
    await gate.release();

    expect(await outcomeOf(load)).toMatchObject({ code: 0, report: { status: 'loaded' } });
    await loadedExactlyOnce(db, 't', file.rows);
  });

  it('twice leaves at once; during COMMIT with the outcome unknown', async () => {
    await db.sql(file.createTableSql('t'));
    const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
    const load = startLoad(file.path, 't', db.url());
    await gate.reached();

    load.kill('SIGINT');
    await load.waitForOutput(/Waiting for the answer to COMMIT/);
    load.kill('SIGINT');
    expect((await load.exit).code).toBe(4);

    await gate.release();
    const second = await outcomeOf(startLoad(file.path, 't', db.url()));
    expect(second.code).toBe(0);
    await loadedExactlyOnce(db, 't', file.rows);
  });
});

describe('a server that waits for a standby', () => {
  it('F10: and whose session is terminated after the commit record has committed', async () => {
    // A server of its own: the setting holds up every commit on it.
    await using server = await startTemporary();
    const target = `postgresql://${server.user}:${server.password}@${server.host}:${String(server.port)}/${server.database}`;
    const admin = await connect({ target, applicationName: 'admin' });
    try {
      await admin.query(file.createTableSql('t'));
      await admin.query(`CREATE FUNCTION park() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN new; END $$`);
      await admin.query(`CREATE TRIGGER park BEFORE INSERT ON t FOR EACH ROW
        WHEN (new.rid = 25000) EXECUTE FUNCTION park()`);
      await admin.query('SELECT pg_advisory_lock(1)');
      const load = startLoad(file.path, 't', target);
      await waitingFor(admin, 'advisory');
      await admin.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
      await admin.query('SELECT pg_reload_conf()');
      await admin.query('SELECT pg_advisory_unlock(1)');
      const pid = await waitingFor(admin, 'SyncRep');

      // Its answer is 57P01, as if nothing had been committed.
      await admin.query('SELECT pg_terminate_backend($1)', [pid]);
      await admin.query('ALTER SYSTEM RESET synchronous_standby_names');
      await admin.query('SELECT pg_reload_conf()');
      const outcome = await outcomeOf(load);

      expect(outcome).toMatchObject({ code: 0, report: { status: 'loaded' } });
      expect(outcome.report.warnings.map((warning) => warning.code)).toEqual(['COMMIT_SETTLED']);
      const { rows } = await admin.query<{ rows: number; done: number }>(
        `SELECT (SELECT count(DISTINCT rid)::int4 FROM t) AS rows,
                (SELECT count(*)::int4 FROM copyline.load WHERE state = 'done') AS done`,
      );
      expect(rows).toEqual([{ rows: file.rows, done: 1 }]);
    } finally {
      await admin.close();
    }
  });

  async function waitingFor(admin: Connection, event: string): Promise<number> {
    return waitFor(`a session that waits for ${event}`, async () => {
      const { rows } = await admin.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE wait_event = $1',
        [event],
      );
      return rows[0]?.pid;
    });
  }
});
