import {
  CN_ERRORS,
  dwsFace,
  realPid,
  startDwsFace,
  testServersAndFace,
  useTestDatabase,
  waitFor,
} from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { connect, examineServer, NotSupportedError, Pool, withRetry } from '../src/index.ts';
import { connected, conninfoOf, expectHealthy, lines } from './support/connected.ts';

const NOT_SUPPORTED = { code: 'NOT_SUPPORTED', retry: 'never' };

describe('on a GaussDB(DWS)', () => {
  const db = useTestDatabase(dwsFace());

  it('the flavour is known from the first moment on', async () => {
    const { server } = await connected(conninfoOf(db));
    expect(server).toMatchObject({ flavour: 'gaussdb-dws', version: '8.2.1' });
    await using pool = new Pool({ target: conninfoOf(db) });
    await pool.withConnection(async (each) => {
      expect(each.server).toEqual(server);
      await expectHealthy(each);
    });
  });

  it('what it cannot do is refused before anything is sent', async () => {
    const connection = await connected(conninfoOf(db));
    await db.sql('create table orders (rid int)');
    const serializable = connection.transaction(() => Promise.resolve(), {
      isolation: 'serializable',
    });
    await expect(serializable).rejects.toMatchObject(NOT_SUPPORTED);
    await expect(serializable).rejects.toThrow(NotSupportedError);
    await expectHealthy(connection);
    await connection.transaction(async () => {
      await connection.transaction(async () => {
        const refused = (): Promise<number> =>
          connection.copyIn('copy orders from stdin', (sink) => sink.write(lines(1, 3)));
        expect(refused).toThrow(expect.objectContaining(NOT_SUPPORTED));
        expect(() => connection.copyOut('copy orders to stdout')).toThrow(NotSupportedError);
        await connection.query('insert into orders values (7)'); // the transaction goes on
      });
      await connection.copyIn('copy orders from stdin', (sink) => sink.write(lines(1, 3)));
      let bytes = 0;
      for await (const piece of connection.copyOut('copy orders to stdout')) bytes += piece.length;
      expect(bytes).toBe(8);
    });
    expect(await db.sql('select rid from orders order by rid')).toHaveLength(4);
    await using pool = new Pool({ target: conninfoOf(db), reset: 'discard-all' });
    await expect(pool.query('select 1')).rejects.toMatchObject(NOT_SUPPORTED);
  });

  it('a pool gives its connections out clean, and again', async () => {
    await using pool = new Pool({ target: conninfoOf(db), max: 1 });
    const pids = [];
    for (const value of ['a', 'b']) {
      pids.push(
        await pool.withConnection(async (each) => {
          const { rows } = await each.query(`select current_setting('application_name') as name`);
          expect(rows).toEqual([{ name: 'copyline' }]);
          await each.query(`set application_name = '${value}'`);
          return await each.backendPid();
        }),
      );
    }
    expect(pids[0]).toBe(pids[1]);
  });

  it('a session is named by 64 bits, and cancelled by them from another coordinator', async () => {
    const face = await startDwsFace(db.server.behind, { coordinators: 2 });
    const connection = await connected(face.url(db, 0));
    const other = await connected(face.url(db, 1));
    const pid = await connection.backendPid();
    expect(pid).toBeGreaterThan(2n ** 32n);
    const sleeping = expect(connection.query('select pg_sleep(60)')).rejects.toMatchObject({
      code: 'STATEMENT_CANCELLED',
    });
    await waitFor('it to sleep', async () => {
      const sql = `select 1 from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`;
      return (await db.sql(sql, [realPid(pid)])).length > 0;
    });
    expect(await connection.cancel({ via: other })).toBe(true);
    await sleeping;
    await expectHealthy(connection);
  });

  it('an error between its nodes is a passing one; a lost coordinator is left for the other', async () => {
    const face = await startDwsFace(db.server.behind, { coordinators: 2 });
    const connection = await connected(face.url(db, 0));
    for (const error of Object.values(CN_ERRORS)) {
      face.injectError(/^select 'here'/, error);
      await expect(connection.query(`select 'here'`)).rejects.toMatchObject({
        ...{ sqlstate: error.sqlstate, retry: 'retry' },
      });
      await expectHealthy(connection);
    }
    let coordinator = 0;
    const tried: number[] = [];
    const policy = { unit: 'transaction', attempts: 2, baseDelayMs: 1 } as const;
    const rows = await withRetry(policy, async () => {
      tried.push(coordinator);
      await using each = await connect({ target: face.url(db, coordinator) });
      return await each.transaction(async () => {
        if (coordinator === 0) face.coordinators[0]?.fail();
        coordinator = 1;
        return (await each.query('select 1 as one')).rows;
      });
    });
    expect([tried, rows]).toEqual([[0, 1], [{ one: 1 }]]);
  });
});

describe.each(testServersAndFace())('the doctor on $name', (server) => {
  const db = useTestDatabase(server);

  it('finds what the table of capabilities says', async () => {
    const { findings, server: found } = await examineServer(() => connect({ target: db.url() }));
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(findings.length).toBeGreaterThan(15);
    expect(found.flavour).toBe(server.isFace ? 'gaussdb-dws' : 'postgres');
    const left = await db.sql(`select 1 from pg_class where relname like 'copyline_doctor%'`);
    expect(left).toEqual([]);
  });
});
