import { connect, type Connection } from '@copyline/dws-client';
import {
  commitGate,
  openGate,
  rowsExactlyOnce,
  anyServer,
  useTestDatabase,
} from '@copyline/testkit';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { closeRuns, findCommitted, runLoad } from '../src/index.ts';

const OWNER = '0b6f8d1c';
const ROWS = 50;

describe.each(anyServer())('the runs of one owner on $name', (server) => {
  const db = useTestDatabase(server);

  async function startLoad(): Promise<ReturnType<typeof runLoad>> {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-owner-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'rows.csv');
    await writeFile(path, `rid\n${Array.from({ length: ROWS }, (_, i) => i).join('\n')}\n`);
    return runLoad(
      { source: { path }, into: `${db.schema}.t`, ledgerSchema: db.schema },
      { connect: () => connect({ target: db.url() }), database: db.database, owner: OWNER },
    );
  }

  async function ask<T>(question: (connection: Connection) => Promise<T>): Promise<T> {
    await using connection = await connect({ target: db.url() });
    return await question(connection);
  }

  const find = () => ask((connection) => findCommitted(connection, db.schema, OWNER));
  const close = () => ask((connection) => closeRuns(connection, db.schema, OWNER));

  it('are none where there is no ledger, and none is made by looking', async () => {
    expect(await find()).toBeUndefined();
    expect(await db.sql(`select to_regclass('load') as load`)).toEqual([{ load: null }]);
  });

  it('that were committed give their report', async () => {
    await db.sql('create table t (rid int8)');
    const { report } = await startLoad();
    expect(await find()).toMatchObject({ loadId: report.loadId, rowsLoaded: ROWS });
    expect(await close()).toMatchObject({ loadId: report.loadId, rowsLoaded: ROWS });
  });

  it('that are closed in the middle of COPY cannot commit afterwards', async () => {
    await db.sql('create table t (rid int8)');
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS / 2 });
    const load = startLoad();
    await gate.reached();

    expect(await find()).toBeUndefined();
    expect(await close()).toBeUndefined();
    await gate.release();

    const { error } = await load;
    expect(error).toMatchObject({ code: 'LOAD_SUPERSEDED', commitState: 'rolled_back' });
    await rowsExactlyOnce(db, 't', 0);
  });

  it('that have not begun when the owner is closed cannot commit either', async () => {
    await db.sql('create table t (rid int8)');
    expect(await close()).toBeUndefined();
    const { error } = await startLoad();
    expect(error).toMatchObject({ code: 'LOAD_SUPERSEDED' });
    await rowsExactlyOnce(db, 't', 0);
  });

  // Without lock_timeout it is the server's own limit, of many minutes, that is waited for.
  it.skipIf(server.isFace)(
    'that are inside COMMIT are neither committed nor closed until it has its answer',
    async () => {
      await db.sql('create table t (rid int8)');
      const gate = await commitGate(db, 't', { column: 'rid', at: 7 });
      const load = startLoad();
      await gate.reached();

      await expect(close()).rejects.toMatchObject({ code: 'SQL_TRANSIENT', sqlstate: '55P03' });
      await gate.release();
      const { report } = await load;

      expect(await close()).toMatchObject({ loadId: report.loadId, rowsLoaded: ROWS });
      await rowsExactlyOnce(db, 't', ROWS);
    },
  );
});

describe('a source that has to lie in a folder', () => {
  it('is refused outside of it, also by a link, and named as its user named it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copyline-within-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const outside = await mkdtemp(join(tmpdir(), 'copyline-outside-'));
    onTestFinished(() => rm(outside, { recursive: true, force: true }));
    await writeFile(join(outside, 'secret.csv'), 'a\n1\n');
    await symlink(outside, join(folder, 'link'));
    const { error } = await runLoad(
      {
        source: {
          path: join(folder, 'link', 'secret.csv'),
          name: 'inbox:link/secret.csv',
          within: folder,
        },
        into: 't',
      },
      { connect: () => Promise.reject(new Error('nothing is asked of the target')), database: '' },
    );
    expect(error).toMatchObject({
      code: 'SOURCE_FORBIDDEN',
      place: { source: 'inbox:link/secret.csv' },
    });
    expect(`${String(error?.message)} ${String(error?.advice)}`).not.toContain(folder);
  });
});
