import { CN_ERRORS, dwsFace, startDwsFace } from '@copyline/testkit';
import { connect, quoteLiteral } from '@copyline/dws-client';
import { csvOutputSchema } from '@copyline/contracts';
import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';

import { ledgerScript, loadFiles, runLoad } from '../src/index.ts';
import { useLoading } from './csv-loading.ts';
import { headerLine } from '../src/extract/header-line.ts';
import { expectNothingPublished, useExtracting } from './extracting.ts';

const FILE = 'id,name,day\n1,"a ""b""",2026-11-01\n2,,2026-11-02\n3,"",\n';
const TABLE = 'create table t (id int not null, name text, day date)';

describe('what a GaussDB(DWS) does not have is not asked of it', () => {
  const loading = useLoading(dwsFace());
  const extracting = useExtracting(dwsFace());

  it('a load is there exactly once, by the text lane', async () => {
    const { db } = loading;
    await db.sql(TABLE);
    const path = await loading.write(FILE);
    const report = await loading.load(path);
    expect(report).toMatchObject({
      error: null,
      rowsLoaded: 3,
      guarantee: 'exactly-once',
      lane: { name: 'text', reason: 'the encoders are proven for PostgreSQL only' },
    });
    expect(await loading.load(path)).toMatchObject({ error: null, deduplicated: true });
    expect(await db.sql('select id, name, day from t order by id')).toEqual([
      { id: 1, name: 'a "b"', day: '2026-11-01' },
      { id: 2, name: null, day: '2026-11-02' },
      { id: 3, name: '', day: null },
    ]);
    await db.sql('truncate t');
    expect(await loading.load(path, { force: true, lane: 'byte' })).toMatchObject({
      rowsLoaded: 3,
    });
    // The encoders may be right there as well: who asks for them, and finds out, may have them.
    await db.sql('truncate t');
    const asked = await loading.load(path, { force: true, lane: 'binary' });
    expect(asked.error).toMatchObject({ code: 'LANE_UNSUITABLE' });
  });

  it('a load makes its table, and an error of the server is placed', async () => {
    const { db } = loading;
    expect(await loading.load(await loading.write(FILE), { create: true })).toMatchObject({
      rowsLoaded: 3,
    });
    const bad = await loading.write('id,name,day\n4,x,2026-11-01\n5,y,2026-02-30\n', 'bad.csv');
    const { error } = await loading.load(bad);
    expect(error).toMatchObject({ sqlstate: '22008', record: 2, line: 3 });
    expect(await db.sql('select count(*)::int as rows from t')).toEqual([{ rows: 3 }]);
  });

  it('a script of the ledger for an administrator makes it on all nodes', async () => {
    const { db } = loading;
    const schema = `${db.schema}_ledger`;
    onTestFinished(() => db.sql(`drop schema ${schema} cascade`).then(() => undefined));
    const script = ledgerScript(schema, true);
    const tables = script.match(/create table/gi)?.length;
    expect(script.match(/\) DISTRIBUTE BY REPLICATION;/g)).toHaveLength(tables ?? 0);
    await using connection = await connect({ target: db.url() });
    await connection.queryAll(script);
    await db.sql(TABLE);
    const report = await loading.load(await loading.write(FILE), { ledgerSchema: schema });
    expect(report).toMatchObject({ error: null, rowsLoaded: 3, guarantee: 'exactly-once' });
  });

  it('an extract in a transaction of the caller is refused, and the transaction goes on', async () => {
    const { db } = extracting;
    await db.sql(TABLE);
    const connection = await extracting.open();
    await connection.transaction(async () => {
      await connection.query(`insert into t values (1, 'x', null)`);
      const outcome = await extracting.extract({ from: { table: 't' } }, { connection });
      expect(outcome.error).toMatchObject({ code: 'NOT_SUPPORTED' });
      await expectNothingPublished(extracting, outcome);
      await connection.query(`insert into t values (2, 'y', null)`);
    });
    expect(await db.sql('select id from t order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('several files in one transaction are refused before any is claimed; one by one they load', async () => {
    const { db } = loading;
    await db.sql(TABLE);
    const paths = [await loading.write(FILE), await loading.write('id,name,day\n7,x,\n', 'b.csv')];
    const load = (atomic: boolean) =>
      loadFiles(
        paths,
        { into: `${db.schema}.t`, ledgerSchema: db.schema },
        { connect: () => connect({ target: db.url() }), database: db.database },
        { atomic },
      );
    const { error } = await load(true);
    expect(error).toMatchObject({ code: 'NOT_SUPPORTED', commitState: 'none' });
    expect(error?.message).toContain('COPY under a savepoint');
    expect(await db.sql('select state from load')).toEqual([]);
    expect((await load(false)).report).toMatchObject({ error: null, rowsLoaded: 4 });
  });

  it('an extract has its header, and loads back', async () => {
    const { db } = extracting;
    await db.sql(TABLE);
    await db.sql(`insert into t values (1, 'a,b', '2026-11-01'), (2, null, null)`);
    const { report, error } = await extracting.extract({ from: { table: 't' } });
    expect(error).toBeUndefined();
    expect(report).toMatchObject({ rowsExtracted: 2 });
    expect(await extracting.text()).toBe('id,name,day\n1,"a,b",2026-11-01\n2,,\n');
  });

  it('a header of our own is the one that a PostgreSQL writes', async () => {
    const { db } = extracting;
    const names = ['id', 'a,b', 'say "hi"', 'two\nlines', 'ü', 'back\\slash', '\\.'];
    const quoted = names.map((name) => `1 as "${name.replaceAll('"', '""')}"`).join(', ');
    for (const csv of [{}, { delimiter: ';', quote: "'", escape: '\\' }]) {
      const output = csvOutputSchema.parse(csv);
      const { escape = output.quote, delimiter, quote } = output;
      const expected = await copied(db.server.directUrl(db.database), {
        ...{ select: `select ${quoted} limit 0`, delimiter, quote, escape },
      });
      expect(headerLine(names, output).toString()).toBe(expected);
      await extracting.extract({ from: { query: `select ${quoted}` }, csv, overwrite: true });
      expect(await extracting.text()).toContain(expected);
    }
  });

  it('a failure behind the coordinator rolls back, and may be repeated', async () => {
    const { db } = loading;
    await db.sql(TABLE);
    const path = await loading.write(FILE);
    const face = await startDwsFace(db.server.behind, { coordinators: 2 });
    const load = (coordinator: number) =>
      runLoad(
        { source: { path }, into: `${db.schema}.t`, ledgerSchema: db.schema },
        {
          connect: () => connect({ target: face.url(db, coordinator) }),
          database: db.database,
        },
      );
    for (const error of [CN_ERRORS.pooler, CN_ERRORS.connectionReset]) {
      face.injectError(/^copy /i, error);
      const { report } = await load(0);
      expect(report).toMatchObject({ status: 'failed', rowsLoaded: 0 });
      expect(report.error).toMatchObject({ sqlstate: error.sqlstate, retry: 'retry' });
    }
    face.coordinators[0]?.fail();
    expect((await load(0)).report.error).toMatchObject({ code: 'CONNECT_FAILED' });
    expect((await load(1)).report).toMatchObject({ error: null, rowsLoaded: 3 });
    expect(await readFile(path, 'utf8')).toBe(FILE);
  });
});

/** What a PostgreSQL's COPY gives. */
async function copied(
  target: string,
  options: Readonly<Record<'select' | 'delimiter' | 'quote' | 'escape', string>>,
): Promise<string> {
  await using connection = await connect({ target });
  const { select, ...rest } = options;
  const list = Object.entries(rest).map(([name, value]) => `${name} ${quoteLiteral(value)}`);
  const pieces: Buffer[] = [];
  const statement = `copy (${select}) to stdout (format csv, header, ${list.join(', ')})`;
  for await (const piece of connection.copyOut(statement)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
