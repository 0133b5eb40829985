import { postgresServers, useTestDatabase } from '@copyline/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { Pool, Rollback } from '../src/index.ts';
import { countOf, expectHealthy, lines } from './support/connected.ts';
import { hasPgbouncer, type Pgbouncer, startPgbouncer } from './support/pgbouncer.ts';
import { ENDLESS } from './support/reading.ts';

describe.skipIf(!hasPgbouncer()).each(postgresServers())('behind PgBouncer on $name', (server) => {
  const db = useTestDatabase(server);
  let pooler: Pgbouncer;
  let table: string;

  beforeAll(async () => {
    pooler = await startPgbouncer(server, 1);
  });
  afterAll(() => pooler[Symbol.asyncDispose]());
  beforeEach(async () => {
    // The session is not ours: no search_path, every name with its schema.
    table = `${db.schema}.orders`;
    await db.sql('create table orders (rid int)');
  });

  function open(max: number): Pool {
    const pool = new Pool({ target: pooler.url(db.database), max, reset: 'none' });
    onTestFinished(() => pool.close());
    return pool;
  }

  it('more connections work than there are sessions in the server', async () => {
    const pool = open(8);
    const tasks = Array.from({ length: 40 }, (_, i) =>
      pool.query<{ n: number; pid: number }>('select $1::int as n, pg_backend_pid() as pid', [i]),
    );
    const rows = (await Promise.all(tasks)).map((result) => result.rows[0]);
    expect(rows.map((row) => row?.n)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(new Set(rows.map((row) => row?.pid)).size).toBe(1);
  });

  it('transactions, savepoints and COPY in both directions work', async () => {
    const pool = open(4);
    await pool.withConnection(async (connection) => {
      await connection.transaction(async () => {
        await connection.query("set local work_mem = '123kB'");
        await connection.copyIn(`copy ${table} from stdin`, (sink) => sink.write(lines(1, 1000)));
        await connection.transaction(async (block) => {
          await connection.query(`delete from ${table}`);
          throw new Rollback(block);
        });
      });
      const pieces: Buffer[] = [];
      const out = connection.copyOut(`copy ${table} to stdout`);
      for await (const piece of out) pieces.push(piece);
      expect(Buffer.concat(pieces).equals(lines(1, 1000))).toBe(true);
      await expectHealthy(connection);
    });
    expect(await countOf(db, 'orders')).toBe(1000);
  });

  it('a COPY that is left early is cancelled through the pooler, and the connection goes on', async () => {
    const pool = open(4);
    const interrupted = Array.from({ length: 8 }, (_, i) =>
      pool.withConnection(async (connection) => {
        await connection.transaction(async () => {
          await connection.query(`insert into ${table} values (${i})`);
          for await (const _ of connection.copyOut(ENDLESS)) break;
        });
        await expectHealthy(connection);
      }),
    );
    await Promise.all(interrupted);
    expect(await countOf(db, 'orders')).toBe(8);
    expect(pool.metrics.destroyed).toBe(0);
  });

  it('a COPY that is given up stores nothing, and the connection goes on', async () => {
    const pool = open(1);
    const reason = new Error('of the source');
    await pool.withConnection(async (connection) => {
      const copying = connection.copyIn(`copy ${table} from stdin`, async (sink) => {
        await sink.write(lines(1, 1000));
        throw reason;
      });
      await expect(copying).rejects.toBe(reason);
      await expectHealthy(connection);
    });
    expect(await countOf(db, 'orders')).toBe(0);
  });

  it('a SET is seen by others, as stated; SET LOCAL is not', async () => {
    const [one, other] = [open(1), open(1)];
    const memory = async (): Promise<unknown> =>
      (await other.query("select current_setting('work_mem') as memory")).rows[0]?.['memory'];
    await one.withConnection((connection) =>
      connection.transaction(() => connection.query("set local work_mem = '123kB'")),
    );
    expect(await memory()).not.toBe('123kB');
    await one.query("set work_mem = '123kB'");
    expect(await memory()).toBe('123kB');
    await one.query('reset work_mem');
  });
});
