import { manifestSchema, type Manifest } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { anyServer, openReadGate } from '@copyline/testkit';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { expectHealthy, useExtracting } from './extracting.ts';

const HEADER = 'id,a,b,c,d,e\n';

describe.each(anyServer())('an extract from $name', (server) => {
  const extracting = useExtracting(server);
  const { db, extract, text, names } = extracting;

  it('has what the server’s own COPY has, byte for byte', async () => {
    await db.sql(`create table t (id int, a text, b numeric, c timestamptz, d bytea, e text[])`);
    await db.sql(`insert into t
      select i, repeat(E'x"y,\\n\\\\.', i % 7), i / 3.0, now(), sha256(i::text::bytea),
             array['a', null, i::text]
        from generate_series(1, 20000) i
      union all select null, '', null, null, null, null
      union all select 0, E'\\\\.', 'NaN', '-infinity', '', '{}'`);
    const { report } = await extract({ from: { table: 't' } });
    const expected: Buffer[] = [];
    // From the PostgreSQL itself: a GaussDB(DWS) has no header for clients.
    await using connection = await connect({ target: server.directUrl(db.database) });
    const statement = `copy ${db.schema}.t to stdout (format csv, header)`;
    for await (const piece of connection.copyOut(statement)) {
      expected.push(piece);
    }
    const bytes = Buffer.concat(expected);
    expect(md5(await readFile(extracting.path('out.csv')))).toBe(md5(bytes));
    expect(report).toMatchObject({
      status: 'extracted',
      source: { table: `${db.schema}.t` },
      manifest: extracting.path('out.csv.manifest.json'),
      files: [{ name: 'out.csv', rows: 20_002, bytes: bytes.length }],
      ...{ rowsExtracted: 20_002, bytesWritten: bytes.length, error: null },
      // Where the server has no header for clients, it is none of the bytes that came.
      ...{ rowsRead: 20_002, bytesRead: bytes.length - (server.isFace ? HEADER.length : 0) },
    });
    expect(await names()).toEqual(['out.csv', 'out.csv.manifest.json']);
  });

  it('has a manifest that says what it is', async () => {
    await db.sql('create table "Odd ""Name" ("a b" numeric(10,2), c varchar(5)[], d timestamptz)');
    await db.sql(`insert into "Odd ""Name" values (1, '{x}', now())`);
    const { report } = await extract({
      from: { table: '"Odd ""Name"', columns: ['c', 'a b'], where: '"a b" = 1 -- of course' },
    });
    const manifest = manifestSchema.parse(JSON.parse(await text('out.csv.manifest.json')));
    expect(manifest).toMatchObject({
      extractId: report.extractId,
      source: { database: db.database, table: `${db.schema}.Odd "Name` },
      session: { transaction_isolation: 'repeatable read', search_path: db.schema },
      columns: [
        { name: 'c', type: 'character varying(5)[]' },
        { name: 'a b', type: 'numeric(10,2)' },
      ],
      ...{ compression: 'none', rows: 1, files: report.files },
    });
    expect(await text()).toBe('c,a b\n{x},1.00\n');
  });

  it.each([
    ['a partitioned table', 'p', '1\n2\n3\n'],
    ['a table with children', 'parent', '1\n2\n'],
    ['a view', 'v', '2\n3\n'],
    ['a materialized view', 'm', '1\n'],
    ['a table with generated columns', 'g', '1,2\n'],
  ])('of %s is whole', async (_, table, expected) => {
    await db.sql(`create table p (id int) partition by range (id)`);
    await db.sql(`create table p1 partition of p for values from (0) to (2)`);
    await db.sql(`create table p2 partition of p for values from (2) to (9)`);
    await db.sql('insert into p values (1), (2), (3)');
    await db.sql('create table parent (id int)');
    await db.sql('create table child () inherits (parent)');
    await db.sql('insert into parent values (1)');
    await db.sql('insert into child values (2)');
    await db.sql('create view v as select id from p where id > 1');
    await db.sql('create materialized view m as select 1 as id');
    await db.sql('create table g (id int, twice int generated always as (id * 2) stored)');
    await db.sql('insert into g values (1)');
    const { error } = await extract({ from: { table }, csv: { header: false } });
    expect(error).toBeUndefined();
    expect((await text()).split('\n').sort().join('\n').trim()).toBe(expected.trim());
  });

  // The catalogue of a server made of 9.2 tells nothing of policies.
  it.skipIf(server.isFace)(
    'under row-level security has what the role sees, and says so',
    async () => {
      await db.sql('create table t (id int, owner text)');
      await db.sql(`insert into t values (1, 'a'), (2, 'b')`);
      await db.sql('alter table t enable row level security');
      await db.sql(`create policy p on t using (owner = 'a')`);
      const role = `reader_${db.schema}`.slice(0, 60);
      await db.sql(`create role ${role} nologin`);
      try {
        await db.sql(`grant usage on schema ${db.schema} to ${role}`);
        await db.sql(`grant select on t to ${role}`);
        const connection = await extracting.open();
        await connection.query(`set role ${role}`);
        const { report } = await extract({ from: { table: 't' } }, { connection });
        expect(await text()).toBe('id,owner\n1,a\n');
        expect(report.warnings).toMatchObject([{ code: 'ROW_SECURITY' }]);
      } finally {
        await db.sql(`drop owned by ${role}`);
        await db.sql(`drop role ${role}`);
      }
    },
  );

  it('does not depend on how the session writes dates', async () => {
    const connection = await extracting.open();
    await connection.query(`set datestyle = 'German'; set intervalstyle = 'iso_8601';
      set bytea_output = 'escape'; set extra_float_digits = -10`);
    const query = `select date '2026-11-02' as d, interval '1 day -2 hours' as i,
                          '\\x00ff'::bytea as b, 0.1::float8 + 0.2 as f`;
    await extract({ from: { query } }, { connection });
    expect(await text()).toBe('d,i,b,f\n2026-11-02,1 day -02:00:00,\\x00ff,0.30000000000000004\n');
    const { rows } = await connection.query('show datestyle');
    expect(rows).toEqual([{ DateStyle: 'German, DMY' }]);
    await expectHealthy(connection);
  });

  // Without COPY under a savepoint it is refused: see dws-face.test.ts.
  it.skipIf(server.isFace)(
    'in a transaction of the caller reads what that reads, and leaves it as it was',
    async () => {
      await db.sql('create table t (id int)');
      const connection = await extracting.open();
      await connection.transaction(
        async () => {
          await connection.query(`set local datestyle = 'SQL, DMY'; insert into t values (1)`);
          const { report } = await extract({ from: { table: 't' } }, { connection });
          expect(report.rowsExtracted).toBe(1);
          const { rows } = await connection.query(`select current_setting('DateStyle') as style,
          current_setting('transaction_read_only') as read_only,
          current_setting('transaction_isolation') as isolation`);
          expect(rows).toEqual([
            { style: 'SQL, DMY', read_only: 'off', isolation: 'read committed' },
          ]);
          await connection.query('insert into t values (2)');
        },
        { isolation: 'read committed' },
      );
      const { session } = JSON.parse(await text('out.csv.manifest.json')) as Manifest;
      expect(session).toMatchObject({ transaction_isolation: 'read committed' });
      expect(await db.sql('select id from t')).toHaveLength(2);
      await expectHealthy(connection);
    },
  );

  it('looks names up where it is told to', async () => {
    await db.sql(`create table pg_namespace as select 'mine' as nspname`);
    const query = `select nspname from pg_namespace where nspname in ('mine', 'pg_catalog')`;
    await extract({ from: { query }, searchPath: [db.schema, 'pg_catalog'] });
    expect(await text()).toBe('nspname\nmine\n');
    await extract({ from: { query }, searchPath: ['pg_catalog'], overwrite: true });
    expect(await text()).toBe('nspname\npg_catalog\n');
  });

  it('keeps NULL and the empty string apart, in every dialect', async () => {
    const query = `select * from (values (1, '', null), (2, 'NULL', ';'), (3, 'a''b', '')) v (i, a, b)`;
    await extract({ from: { query } });
    expect(await text()).toBe(`i,a,b\n1,"",\n2,NULL,;\n3,a'b,""\n`);
    await extract({
      from: { query: `${query};\n` },
      overwrite: true,
      csv: { delimiter: ';', quote: `'`, escape: '\\', null: 'NULL', quoting: 'all' },
    });
    expect(await text()).toBe(`i;a;b\n'1';'';NULL\n'2';'NULL';';'\n'3';'a\\'b';''\n`);
  });

  it('can be made safe for a spreadsheet, which alters values and says so', async () => {
    const query = `select -1 as n, '=1+1' as f, '@x'::char(4) as c, null::text as z, 'ok' as o, '-' as "=x"`;
    const { report } = await extract({ from: { query }, csv: { excelSafe: true } });
    expect(await text()).toBe(`n,f,c,z,o,'=x\n-1,'=1+1,'@x  ,,ok,'-\n`);
    expect(report.warnings).toMatchObject([{ code: 'VALUES_ALTERED' }]);
  });

  it('of no rows is a file with a header', async () => {
    await db.sql('create table t (id int)');
    const { report } = await extract({ from: { table: 't' } });
    expect(await text()).toBe('id\n');
    expect(report).toMatchObject({ status: 'extracted', rowsExtracted: 0 });
  });

  it('is packed when its name says so', async () => {
    const query = 'select i, md5(i::text) from generate_series(1, 50000) i';
    const { report } = await extract({
      from: { query },
      to: { path: extracting.path('out.csv.gz') },
    });
    expect((await text('out.csv.gz')).split('\n')).toHaveLength(50_002);
    const [file] = report.files;
    expect(file?.bytes).toBe((await readFile(extracting.path('out.csv.gz'))).length);
    expect(report.bytesRead).toBeGreaterThan(file?.bytes ?? 0);
  });

  it.each([
    ['rows', { rowsPerFile: 7000 }],
    ['bytes', { bytesPerFile: 300_000 }],
  ] as const)('is split by %s, between rows', async (_, limits) => {
    const query = `select i, repeat(E'a\\n"', i % 20) from generate_series(1, 30000) i`;
    await extract({ from: { query } });
    const whole = await text();
    const { report } = await extract({
      from: { query },
      to: { path: extracting.path('part.csv.gz') },
      ...limits,
    });
    expect(report.files.map(({ name }) => name)).toEqual(
      report.files.map((_file, i) => `part-${String(i + 1).padStart(5, '0')}.csv.gz`),
    );
    let joined = '';
    for (const { name, rows } of report.files) {
      const content = await text(name);
      if ('rowsPerFile' in limits) expect(rows).toBeLessThanOrEqual(limits.rowsPerFile);
      else expect(content.length).toBeLessThanOrEqual(limits.bytesPerFile);
      expect(content.startsWith('i,repeat\n')).toBe(true);
      joined += joined === '' ? content : content.slice('i,repeat\n'.length);
    }
    expect(joined).toBe(whole);
    expect(report.rowsExtracted).toBe(30_000);
    expect(report.files.length).toBeGreaterThan(4);
  });

  it('reads one snapshot, whoever writes meanwhile', async () => {
    await db.sql('create table accounts (id int primary key, balance int)');
    await db.sql('insert into accounts select i, 100 from generate_series(1, 30000) i');
    const writer = await db.client();
    const done = new AbortController();
    const writing = (async () => {
      for (let i = 0; !done.signal.aborted; i += 1) {
        const [a, b] = [(i * 7919) % 30_000, (i * 104_729) % 30_000];
        if (a === b) continue;
        await writer.query(
          `update accounts set balance = balance + case id when ${String(a + 1)} then -1 else 1 end
            where id in (${String(a + 1)}, ${String(b + 1)})`,
        );
      }
    })();
    for (let i = 0; i < 5; i += 1) {
      await extract({ from: { table: 'accounts' }, overwrite: true, csv: { header: false } });
      const balances = (await text())
        .trim()
        .split('\n')
        .map((line) => Number(line.split(',')[1]));
      expect(balances).toHaveLength(30_000);
      expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(3_000_000);
    }
    done.abort();
    await writing;
  });

  it('reads one snapshot also in functions that look anew for every row', async () => {
    await db.sql('create table written as select 1 as n');
    await db.sql(`create function seen() returns bigint language plpgsql volatile as
                    'begin return (select count(*) from written); end'`);
    const gate = await openReadGate(db, 'rows', { rows: 3, at: 2 });
    const running = extract({
      from: { query: 'select rid, filler is null as gone, seen() from rows' },
      csv: { header: false },
    });
    await gate.reached();
    await db.sql('insert into written values (2)');
    await gate.release();
    expect((await running).error).toBeUndefined();
    expect(await text()).toBe('1,f,1\n2,f,1\n3,f,1\n');
  });
});

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
