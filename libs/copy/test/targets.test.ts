import type { LoadReport, LoadSpecInput } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { loginRole, testServers, useOwnDatabase } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { runLoad } from '../src/index.ts';

const SECRET = 'targets';

describe.each(testServers())('what a load does with a target on $name', (server) => {
  const db = useOwnDatabase(server);
  const loader = `targets_loader_${server.port}`;

  async function load(
    content: string,
    spec: Partial<LoadSpecInput> = {},
    user?: string,
  ): Promise<LoadReport> {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-targets-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'input.csv');
    await writeFile(path, content);
    const url = new URL(db.url());
    if (user !== undefined) [url.username, url.password] = [user, SECRET];
    const { report, error } = await runLoad(
      { source: { path }, into: 't', ledger: 'none', ...spec },
      { connect: () => connect({ target: url.href }), database: db.database },
    );
    if (error?.code === 'INTERNAL') throw error;
    return report;
  }

  async function asLoader(grants: string): Promise<void> {
    await loginRole(db, loader, SECRET);
    await db.sql(grants.replaceAll('LOADER', loader));
  }

  it('partitioned: rows go to their partitions, one that fits none is placed', async () => {
    await db.sql(`create table t (a int, b text) partition by range (a);
      create table t1 partition of t for values from (0) to (10);
      create table t2 partition of t for values from (10) to (20)`);
    expect(await load('a,b\n1,x\n11,y\n2,z\n')).toMatchObject({
      error: null,
      rowsLoaded: 3,
      lane: { name: server.isFace ? 'text' : 'binary' },
    });
    expect(await db.sql('select a from t2')).toEqual([{ a: 11 }]);
    const { error } = await load('a,b\n1,x\n99,y\n');
    expect(error).toMatchObject({ sqlstate: '23514', record: 2, line: 3 });
  });

  it('a view with an INSTEAD OF trigger: the trigger decides, and the server counts what it was given', async () => {
    await db.sql(`create table base (a int); create view t as select a from base;
      create function into_base() returns trigger language plpgsql as $$
        begin if new.a < 0 then return null; end if; insert into base values (new.a); return new; end $$;
      create trigger redirect instead of insert on t for each row execute function into_base()`);
    const report = await load('a\n1\n-1\n2\n');
    expect(report).toMatchObject({ error: null, rowsLoaded: 3 });
    expect(report.warnings.map(({ code }) => code)).toContain('TARGET_VIEW');
    expect(await db.sql('select a from base')).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('a BEFORE ROW trigger that keeps rows out, with values that the server must judge', async () => {
    await db.sql(`create table t (a int);
      create function only_odd() returns trigger language plpgsql as
        $$ begin return case when new.a % 2 = 1 then new end; end $$;
      create trigger odd before insert on t for each row execute function only_odd()`);
    expect(await load('a\n1\n 2 \n3\n')).toMatchObject({ rowsLoaded: 2, rowsSuppressed: 1 });
  });

  it('a statement trigger fires once, also with values that the server must judge', async () => {
    await db.sql(`create table t (a int); create table fired (n int);
      create function note() returns trigger language plpgsql as
        $$ begin insert into fired select count(*) from added; return null; end $$;
      create trigger each after insert on t referencing new table as added execute function note()`);
    expect((await load('a\n1\n 2 \n3\n')).lane?.name).toBe('text');
    expect(await db.sql('select n from fired')).toEqual([{ n: 3 }]);
  });

  // The catalogue of a server made of 9.2 tells nothing of policies, generated and identity columns.
  const itIsModern = it.skipIf(server.isFace);

  itIsModern(
    'row-level security: refused before anything is read, where it applies to the user',
    async () => {
      await asLoader(
        'create table t (a int); alter table t enable row level security; grant insert on t to LOADER',
      );
      expect((await load('a\n1\n')).error).toBeNull();
      const { error } = await load('a\n1\n', {}, loader);
      expect(error).toMatchObject({ code: 'TABLE_UNSUITABLE', commitState: 'none' });
      expect(error?.message).toContain('Row-level security of public.t applies to the user');
    },
  );

  it('missing privileges: said before anything is read, with what is missing', async () => {
    await asLoader('create table t (a int, b int, c int); grant insert (a) on t to LOADER');
    const message = async (spec?: Partial<LoadSpecInput>): Promise<string | undefined> =>
      (await load('a,b,c\n1,2,3\n', spec, loader)).error?.message;
    expect(await message()).toBe(
      'permission denied for table t: INSERT is missing on the columns “b”, “c”',
    );
    const mapping: LoadSpecInput['mapping'] = { skip: ['b', 'c'], missingColumns: 'default' };
    expect(await message({ mapping })).toBeUndefined();
    await db.sql(`revoke insert (a) on t from ${loader}`);
    expect(await message({ mapping })).toBe(
      'permission denied for table t: INSERT is missing on the table',
    );
  });

  itIsModern('generated columns: a file that has them is told to skip them', async () => {
    await db.sql('create table t (a int, b int generated always as (a * 2) stored)');
    const { error } = await load('a,b\n1,2\n');
    expect(error?.code).toBe('HEADER_MISMATCH');
    expect(error?.message).toContain('generated by the table: “b”');
    expect((await load('a,b\n1,99\n', { mapping: { skip: ['b'] } })).error).toBeNull();
    expect(await db.sql('select * from t')).toEqual([{ a: 1, b: 2 }]);
  });

  itIsModern('identity columns: values of the file are stored, none are made', async () => {
    await db.sql(`create table t (always int generated always as identity,
      by_default int generated by default as identity, a text)`);
    expect((await load('always,by_default,a\n7,8,x\n')).error).toBeNull();
    expect(await load('a\ny\n')).toMatchObject({
      error: null,
      columns: { loaded: ['a'], defaulted: ['always', 'by_default'] },
    });
    expect(await db.sql('select * from t')).toEqual([
      { always: 7, by_default: 8, a: 'x' },
      { always: 1, by_default: 1, a: 'y' },
    ]);
  });

  it('a foreign table: the rows are there, and the promise is less', async () => {
    const { hostname, port, username, password } = new URL(server.directUrl());
    await db.sql(`create extension postgres_fdw; create table base (a int, b text);
      create server here foreign data wrapper postgres_fdw
        options (host '${hostname}', port '${port}', dbname '${db.database}');
      create user mapping for current_user server here
        options (user '${username}', password '${password}');
      create foreign table t (a int, b text) server here options (table_name 'base')`);
    const report = await load('a,b\n1,x\n', { ledger: 'target' });
    expect(report).toMatchObject({ error: null, guarantee: 'at-least-once' });
    expect(report.warnings.map(({ code }) => code)).toEqual(['TARGET_FOREIGN']);
    expect(await db.sql('select * from base')).toEqual([{ a: 1, b: 'x' }]);
  });

  it('a type without binary input, and a default that is left alone', async () => {
    await db.sql('create table t (a aclitem, c int default 5)');
    const { username } = new URL(db.url());
    const report = await load(`a\n${username}=r/${username}\n`, {
      mapping: { missingColumns: 'default' },
    });
    expect(report).toMatchObject({ error: null, lane: { name: 'text' } });
    expect(await db.sql('select c from t')).toEqual([{ c: 5 }]);
  });
});
