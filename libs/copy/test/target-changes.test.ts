import { connect } from '@copyline/dws-client';
import { loginRole, openGate, startFaultProxy, testServers, waitFor } from '@copyline/testkit';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { runLoad } from '../src/index.ts';
import { expectNothingStored, useLoading } from './csv-loading.ts';

/** The transaction of the rows: what was planned is planned by then. */
const LOAD_BEGIN = /^BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE$/;

describe.each(testServers())('a target on $name that changes', (server) => {
  const loading = useLoading(server);
  const { db } = loading;

  it.each([
    ['its table is dropped', 'drop table t', '42P01'],
    ['its column is renamed', 'alter table t rename b to c', '42703'],
    ['its column is dropped', 'alter table t drop b', '42703'],
    ['the privilege is taken away', 'revoke all on t from CURRENT_LOADER', '42501'],
  ])('F65: between plan and COPY, %s: a clear error, for good', async (_, change, sqlstate) => {
    await db.sql('create table t (a int, b text)');
    const role = `loader_${db.schema}`.slice(0, 60);
    await loginRole(db, role, 'secret');
    await db.sql(`grant all on t to ${role}; grant all on schema ${db.schema} to ${role}`);
    const proxy = await startFaultProxy(server);
    const begin = proxy.parkQuery(LOAD_BEGIN);
    const url = new URL(proxy.url(db));
    [url.username, url.password] = [role, 'secret'];
    const running = runLoad(
      {
        source: { path: await loading.write('a,b\n1,x\n') },
        into: `${db.schema}.t`,
        ledger: 'none',
      },
      { connect: () => connect({ target: url.href }), database: db.database },
    );
    await begin.reached;
    await db.sql(change.replace('CURRENT_LOADER', role));
    begin.release();
    const { report } = await running;
    expect(report).toMatchObject({
      status: 'failed',
      rowsLoaded: 0,
      error: { sqlstate, retry: 'never', commitState: 'rolled_back' },
    });
  });

  it('F66: DDL waits for the load, and the load for nobody', async () => {
    await db.sql('create table t (a int, b text)');
    const gate = await openGate(db, 't', { column: 'a', at: 1 });
    const running = loading.load(await loading.write('a,b\n1,x\n2,y\n'));
    await gate.reached();
    const other = await db.client();
    const altered = other.query('alter table t add c int');
    await waitFor('the DDL to wait', async () => {
      const sql = `select from pg_locks where not granted and relation = 't'::regclass`;
      return (await db.sql(sql)).length > 0;
    });
    await gate.release();
    expect(await running).toMatchObject({ status: 'loaded', rowsLoaded: 2 });
    await altered;
    expect(await db.sql('select a, c from t order by a')).toEqual([
      { a: 1, c: null },
      { a: 2, c: null },
    ]);
  });

  it('F42: a file that is another one when the load is repeated is loaded as it is then', async () => {
    await db.sql('create table t (a int, b text)');
    const path = await loading.write('a,b\n1,x\n2,y\nthree,z\n');
    await expectNothingStored(loading, await loading.load(path));
    for (const content of [
      'a,b\n4,w\n',
      'a,b\n5,v\n6,u\n7,t\n8,s\n',
      'a,b\n5,V\n6,U\n7,T\n8,S\n',
    ]) {
      await db.sql('truncate t');
      await writeFile(path, content);
      expect(await loading.load(path)).toMatchObject({ status: 'loaded', deduplicated: false });
      const [stored] = await db.sql<{ text: string }>(
        `select 'a,b' || E'\\n' || string_agg(a || ',' || b, E'\\n' order by a) || E'\\n' as text from t`,
      );
      expect(stored?.text).toBe(content);
    }
  });
});

describe.each(testServers())('F67: a database on $name that is not in UTF-8', (server) => {
  const loading = useLoading(server);

  it.each([
    ['LATIN1', '22P05'],
    ['SQL_ASCII', undefined],
  ])(
    '%s: what it can hold is stored, what it cannot is refused with its place',
    async (encoding, sqlstate) => {
      const { db } = loading;
      const database = `${encoding}_${db.schema}`.toLowerCase().slice(0, 60);
      await db.sql(
        `create database ${database} encoding '${encoding}' locale 'C' template template0`,
      );
      onTestFinished(() => db.sql(`drop database ${database} with (force)`).then(() => undefined));
      const target = server.url(database);
      await using connection = await connect({ target });
      await connection.query('create table t (a int, b text)');
      const load = async (content: string) => {
        const deps = { connect: () => connect({ target }), database };
        const path = await loading.write(content);
        return (await runLoad({ source: { path }, into: 't' }, deps)).report;
      };
      const first = await load('a,b\n1,é\n');
      expect(first).toMatchObject({ error: null, lane: { name: 'text' } });
      const { rows } = await connection.query(
        `select encode(convert_to(b, 'UTF8'), 'hex') as b from t`,
      );
      if (encoding === 'LATIN1') expect(rows).toEqual([{ b: 'c3a9' }]);
      const report = await load('a,b\n1,x\n2,東\n');
      if (sqlstate === undefined) {
        expect(report).toMatchObject({ status: 'loaded', rowsLoaded: 2 });
        return;
      }
      expect(report).toMatchObject({
        status: 'failed',
        error: { code: 'VALUE_REFUSED', sqlstate, retry: 'never', record: 2, line: 3 },
      });
    },
  );
});
