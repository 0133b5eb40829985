import { connect } from '@copyline/dws-client';
import {
  anyServer,
  openClient,
  rowsExactlyOnce,
  startPostgres,
  useOwnDatabase,
  waitFor,
  writeCsv,
} from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { runLoad } from '../src/index.ts';
import { canMount, tmpfs } from './failing-disk.ts';

const MIB = 1024 * 1024;
/** Some two megabytes in the table, and a quarter of one in its index. */
const ROWS = 10_000;
/** Room for two runs: what a ROLLBACK leaves keeps its place until VACUUM. */
const DISK_MIB = 12;

/** A folder that the server's account can reach. */
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'copyline-database-disk-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  await chmod(path, 0o755);
  return path;
}

/** What stands in the way: all that was free of the disk but so many megabytes. */
function ballastOn(disk: string, freeMib: number): { remove(): void } {
  const path = join(disk, 'ballast');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(path, Buffer.alloc(bavail * bsize - freeMib * MIB));
  return { remove: () => rmSync(path) };
}

describe.skipIf(!canMount()).each(anyServer())('F34: a disk of $name is full', (server) => {
  const db = useOwnDatabase(server);

  it.each([
    { what: 'the table', table: 'small', index: 'pg_default', free: 1 },
    { what: 'an index of it', table: 'pg_default', index: 'small', free: 0.125 },
  ])('for $what: nothing is loaded, and all of it once there is room', async (where) => {
    const home = await folder();
    const disk = await tmpfs(join(home, 'disk'), `size=${String(DISK_MIB)}m`);
    const [{ path: data } = { path: '' }] = await db.sql<{ path: string }>(
      `select current_setting('data_directory') as path`,
    );
    const { uid, gid } = statSync(data);
    chownSync(disk, uid, gid);
    const space = `small_${db.database}`.slice(0, 60);
    await db.sql(`create tablespace ${space} location '${disk}'`);
    onTestFinished(async () => {
      await db.sql('drop table t');
      await db.sql(`drop tablespace ${space}`);
    });
    const file = await writeCsv(join(home, 'rows.csv'), { rows: ROWS, shape: 'mixed' });
    await db.sql(file.createTableSql('t'));
    const on = (name: string): string => name.replace('small', space);
    await db.sql(`alter table t set tablespace ${on(where.table)}`);
    await db.sql(`create unique index on t (rid) tablespace ${on(where.index)}`);
    const load = (onError: 'abort' | 'continue' = 'abort') =>
      runLoad(
        { source: { path: file.path }, into: 't', onError },
        { connect: () => connect({ target: db.url() }), database: db.database },
      );

    const ballast = ballastOn(disk, where.free);
    // No record is to blame: continue mode ends as strict mode does.
    for (const onError of ['abort', 'continue'] as const) {
      const { report, error } = await load(onError);
      expect(report).toMatchObject({
        status: 'failed',
        rowsLoaded: 0,
        rowsRejected: 0,
        error: { code: 'DISK_FULL', sqlstate: '53100', retry: 'retry', commitState: 'rolled_back' },
      });
      expect(error?.advice).toContain('space');
      await rowsExactlyOnce(db, 't', 0);
    }
    ballast.remove();

    expect((await load()).report).toMatchObject({ status: 'loaded', rowsLoaded: ROWS });
    expect((await load()).report).toMatchObject({ deduplicated: true });
    await rowsExactlyOnce(db, 't', ROWS);
  });
});

/** The disk of the WAL: of its segments of 16 MB there is one at least. */
const WAL_DISK_MIB = 64;

describe.skipIf(!canMount())('F34: the disk of the WAL is full', () => {
  it('crashes the server, which is a lost connection; back again, it loads once', async () => {
    const home = await folder();
    const disk = await tmpfs(join(home, 'disk'), `size=${String(WAL_DISK_MIB)}m`);
    const server = await startPostgres();
    const file = await writeCsv(join(home, 'rows.csv'), { rows: 12 * ROWS, shape: 'mixed' });
    const data = await once<{ path: string }>(
      server.url(),
      `select current_setting('data_directory') as path`,
    );
    const [wal, pidFile] = [join(data.path, 'pg_wal'), join(data.path, 'postmaster.pid')];
    await once(server.url(), file.createTableSql('t'));
    await server.stop('fast');
    execFileSync('cp', ['-a', `${wal}/.`, disk]);
    await rm(wal, { recursive: true });
    symlinkSync(disk, wal);
    await server.start();
    const load = async () =>
      (
        await runLoad(
          { source: { path: file.path }, into: 't' },
          { connect: () => connect({ target: server.url() }), database: 'copyline' },
        )
      ).report;

    const ballast = ballastOn(disk, 1);
    expect(await load()).toMatchObject({
      status: 'failed',
      rowsLoaded: 0,
      error: { code: 'CONNECTION_LOST', retry: 'retry', commitState: 'rolled_back' },
    });
    ballast.remove();
    // It recovers by itself, or had no room even for that and has given up.
    await waitFor('the server to be back, or gone', async () => {
      if (!existsSync(pidFile)) return true;
      return once(server.url(), 'select 1').then(
        () => true,
        () => false,
      );
    });
    if (!existsSync(pidFile)) await server.start();
    expect(await once(server.url(), 'select count(*)::int as rows from t')).toEqual({ rows: 0 });

    expect(await load()).toMatchObject({ status: 'loaded', rowsLoaded: file.rows });
    expect(await load()).toMatchObject({ deduplicated: true });
    expect(await once(server.url(), 'select count(*)::int as rows from t')).toEqual({
      rows: file.rows,
    });
  });
});

/** The first row of a statement, over a connection of its own. */
async function once<Row extends object>(url: string, sql: string): Promise<Row> {
  const client = await openClient(url);
  try {
    return (await client.query<Row>(sql)).rows[0] as Row;
  } finally {
    await client.end();
  }
}
