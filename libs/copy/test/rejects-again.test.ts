import type { LoadSpecInput } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { openGate, startFaultProxy, anyPostgres } from '@copyline/testkit';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import {
  pruneRejects,
  readRejectSet,
  replayRejects,
  runLoad,
  validateLoad,
  type ValidateDeps,
} from '../src/index.ts';
import { useLoading } from './csv-loading.ts';

const CONTINUE: Partial<LoadSpecInput> = { onError: 'continue' };

describe.each(anyPostgres())('after refusals on $name', (server) => {
  const loading = useLoading(server);
  const { db } = loading;
  const deps = () => ({ connect: () => connect({ target: db.url() }), database: db.database });
  const rows = async (): Promise<unknown> => {
    const [counted] = await db.sql<{ rows: number }>('select count(*)::int as rows from t');
    return counted?.rows;
  };
  const validate = (
    path: string,
    more: Partial<LoadSpecInput> = {},
    own: Partial<ValidateDeps> = {},
  ) => validateLoad({ source: { path }, into: `${db.schema}.t`, ...more }, { ...deps(), ...own });

  it('a replay loads the rejects once the table takes them, and only once', async () => {
    await db.sql(`create table parent (k int primary key);
      create table t (a int references parent, b text)`);
    const path = await loading.write('a,b\n1,"x\ny"\n2,y\nz,w\n');
    const { loadId } = await loading.load(path, CONTINUE);
    // Everything was refused: the file of rejects is the file itself, and is not taken for it.
    await db.sql('insert into parent values (1)');
    const replay = () => replayRejects(loadId ?? '', { ledgerSchema: db.schema }, deps());
    const first = await replay();
    expect(first.report).toMatchObject({
      error: null,
      source: `rejects:${loadId ?? ''}`,
      rowsLoaded: 1,
      rowsRejected: 2,
      rejects: [
        { record: 2, sqlstate: '23503' },
        { record: 3, column: 'a' },
      ],
    });
    const again = await replay();
    expect(again.report).toMatchObject({ deduplicated: true, rowsLoaded: 1, rowsRejected: 2 });
    expect(await rows()).toBe(1);

    // What the replay has refused is its own.
    await db.sql('insert into parent values (2)');
    const second = await replayRejects(
      first.report.loadId ?? '',
      { ledgerSchema: db.schema, rejectLimit: 1 },
      deps(),
    );
    expect(second.report).toMatchObject({ error: null, rowsLoaded: 1, rowsRejected: 1 });
  });

  it('a replay is of the rejects alone: no footer, no waiting; of settings that it knows', async () => {
    await db.sql(`create table parent (k int primary key);
      create table t (a int references parent, source text, record int)`);
    const path = await loading.write('a\n1\n2\nTotal 2\n');
    await writeFile(`${path}.done`, '');
    const old = new Date(Date.now() - 7_200_000);
    await utimes(path, old, old);
    const { loadId } = await loading.load(path, {
      ...CONTINUE,
      dialect: { skipFooter: 1 },
      mapping: { set: { source: { from: 'file' }, record: { from: 'record' } } },
      settleMs: 3_600_000,
      doneMarker: '.done',
    });
    await db.sql('insert into parent values (1), (2)');
    const replay = () => replayRejects(loadId ?? '', { ledgerSchema: db.schema }, deps());
    expect((await replay()).report).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 0 });
    const source = `rejects:${loadId ?? ''}`;
    expect(await db.sql('select * from t order by a')).toEqual([
      { a: 1, source, record: 1 },
      { a: 2, source, record: 2 },
    ]);
    await db.sql(`update reject_set set spec = spec || '{"ofTomorrow": true}'`);
    await expect(replay()).rejects.toMatchObject({ code: 'REPLAY_UNSUPPORTED' });
  });

  it('pruning takes the rejects and leaves the load', async () => {
    await db.sql('create table t (a int)');
    const path = await loading.write('a\n1\nx\n');
    const { loadId } = await loading.load(path, CONTINUE);
    const connection = await connect({ target: db.url() });
    try {
      expect(await pruneRejects(connection, db.schema, 3600)).toEqual({ loads: 0, rejects: 0 });
      await db.sql(`update reject_set set kept_at = kept_at - interval '2 hours'`);
      expect(await pruneRejects(connection, db.schema, 3600)).toEqual({ loads: 1, rejects: 1 });
      expect(await readRejectSet(connection, db.schema, loadId ?? '')).toBeUndefined();
    } finally {
      await connection.close();
    }
    const answered = await loading.load(path, { ...CONTINUE, rejectsFile: `${path}.bad` });
    expect(answered).toMatchObject({ deduplicated: true, rowsRejected: 1 });
    expect(answered.warnings).toMatchObject([{ code: 'REJECTS_GONE' }]);
  });

  it('a validation finds all errors and stores nothing, not even a ledger', async () => {
    await db.sql('create table t (a int unique, b text not null)');
    const path = await loading.write('a,b\n1,x\n1,y\n2,\nz,z\n3\n4,x\n');
    const rejectsFile = `${path}.bad`;
    const { report } = await validate(path, { rejectsFile });
    expect(report).toMatchObject({
      status: 'invalid',
      isComplete: true,
      rowsParsed: 6,
      rowsValid: 2,
      rowsRejected: 4,
      error: null,
    });
    expect(report.rejects.map(({ record }) => record)).toEqual([2, 3, 4, 5]);
    expect(await readFile(rejectsFile, 'utf8')).toBe('a,b\n1,y\n2,\nz,z\n3\n');
    expect(await rows()).toBe(0);
    expect(await db.sql(`select to_regclass('load') as ledger`)).toEqual([{ ledger: null }]);

    const some = await validate(path, {}, { maxErrors: 2 });
    expect(some.report.rejects).toHaveLength(2);
    const good = await validate(await loading.write('a,b\n1,x\n'));
    expect(good.report).toMatchObject({ status: 'valid', rowsValid: 1 });
    const missing = await validate(`${path}.none`);
    expect(missing.report).toMatchObject({
      status: 'failed',
      error: { code: 'SOURCE_NOT_FOUND' },
    });
  });

  it('an interruption leaves nothing, whatever was refused by then', async () => {
    await db.sql('create table t (a int, b text)');
    const lines = Array.from({ length: 30_000 }, (_, i) =>
      i % 100 === 0 ? 'x' : `${String(i)},n`,
    );
    const path = await loading.write(`a,b\n${lines.join('\n')}\n`);
    const gate = await openGate(db, 't', { column: 'a', at: 25_001 });
    const stop = new AbortController();
    const loaded = runLoad(
      { source: { path }, into: `${db.schema}.t`, ledgerSchema: db.schema, ...CONTINUE },
      deps(),
      stop.signal,
    );
    await gate.reached();
    stop.abort();
    const { report } = await loaded;
    await gate.release();
    expect(report).toMatchObject({ status: 'interrupted', rowsLoaded: 0, rowsRejected: 0 });
    expect(await rows()).toBe(0);
    expect(await db.sql('select from reject')).toEqual([]);
  });

  it('a line that is cut leaves nothing, and the next run loads all', async () => {
    await db.sql('create table t (a int unique)');
    const path = await loading.write('a\n1\n1\nx\n2\n');
    await using proxy = await startFaultProxy(server);
    proxy.dropReply(/FROM pg_temp\.copyline_store/);
    const { report } = await runLoad(
      { source: { path }, into: `${db.schema}.t`, ledgerSchema: db.schema, ...CONTINUE },
      { connect: () => connect({ target: proxy.url(db) }), database: db.database },
    );
    expect(report.error).toMatchObject({ code: 'CONNECTION_LOST', commitState: 'rolled_back' });
    expect(await rows()).toBe(0);
    expect(await loading.load(path, CONTINUE)).toMatchObject({ rowsLoaded: 2, rowsRejected: 2 });
  });

  it('an answer to COMMIT that is lost without a ledger keeps the rejects, and says where', async () => {
    await db.sql('create table t (a int)');
    const path = await loading.write('a\n1\nx\n');
    await using proxy = await startFaultProxy(server);
    const rejectsFile = `${path}.bad`;
    const report = await loading.load(
      path,
      { ...CONTINUE, ledger: 'none', rejectsFile },
      {
        connect: () => connect({ target: proxy.url(db) }),
        onProgress: ({ phase }) => {
          if (phase === 'commit') proxy.dropReply(/^COMMIT$/);
        },
      },
    );
    expect(report).toMatchObject({ status: 'in-doubt', error: { code: 'IN_DOUBT' } });
    const warning = report.warnings.find(({ code }) => code === 'REJECTS_NOT_PUBLISHED');
    const [reasons = '', records = ''] =
      /kept as (.+) and (.+), but/.exec(warning?.message ?? '')?.slice(1) ?? [];
    expect(await readFile(records, 'utf8')).toBe('a\nx\n');
    expect(await readFile(reasons, 'utf8')).toContain('"record":2');
  });
});
