import type { LoadReport, LoadSpecInput } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { rowsExactlyOnce, anyServer, useOwnDatabase } from '@copyline/testkit';
import { copyFile, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runLoad, type LoadOutcome } from '../src/index.ts';

/** A whole second: what utimes can set again exactly. */
const MODIFIED = new Date('2026-11-20T03:00:00Z');
const CONTENT = 'rid,name\n1,one\n2,two\n3,three\n';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copyline-again-'));
  file = join(directory, 'orders.csv');
  await writeFile(file, CONTENT);
  await utimes(file, MODIFIED, MODIFIED);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe.each(anyServer())('a content that is loaded already, on $name', (server) => {
  const db = useOwnDatabase(server);

  const run = (path: string, spec: Partial<LoadSpecInput> = {}): Promise<LoadOutcome> =>
    runLoad(
      { source: { path }, into: 't', ...spec },
      { connect: () => connect({ target: db.url() }), database: db.database },
    );

  async function load(path: string, spec: Partial<LoadSpecInput> = {}): Promise<LoadReport> {
    const { report } = await run(path, spec);
    expect(report.error).toBeNull();
    return report;
  }

  beforeEach(async () => {
    await db.sql('CREATE TABLE t (rid bigint, name text)');
    const report = await load(file);
    expect(report).toMatchObject({ deduplicated: false, rowsLoaded: 3 });
  });

  it('is recognised by its unchanged file, without reading it', async () => {
    const report = await load(file);
    expect(report).toMatchObject({ deduplicated: true, rowsLoaded: 3, bytesRead: 0 });
    expect(Object.keys(report.phases)).not.toContain('hash');
    expect(Object.keys(report.phases)).not.toContain('copy');
    await rowsExactlyOnce(db, 't', 3);
  });

  it('is recognised elsewhere, with another name and time, by hashing it once', async () => {
    const copy = join(directory, 'copy.csv');
    await copyFile(file, copy);
    const first = await load(copy);
    expect(first.deduplicated).toBe(true);
    expect(Object.keys(first.phases)).toContain('hash');
    expect(Object.keys(first.phases)).not.toContain('copy');

    const second = await load(copy);
    expect(second.deduplicated).toBe(true);
    expect(Object.keys(second.phases)).not.toContain('hash');
    await rowsExactlyOnce(db, 't', 3);
  });

  it('is not taken for a content of the same size and time with one byte changed', async () => {
    const before = await stat(file);
    await writeFile(file, CONTENT.replace('three', 'thirr'));
    await utimes(file, MODIFIED, MODIFIED);
    expect((await stat(file)).mtimeMs).toBe(before.mtimeMs);
    expect((await stat(file)).size).toBe(before.size);

    const report = await load(file);
    expect(report).toMatchObject({ deduplicated: false, rowsLoaded: 3 });
    expect(await db.sql(`SELECT count(*)::int4 AS n FROM t WHERE name = 'thirr'`)).toEqual([
      { n: 1 },
    ]);
  });

  it('and is replaced by another content under the same name, which is loaded', async () => {
    await writeFile(file, 'rid,name\n4,four\n');
    expect(await load(file)).toMatchObject({ deduplicated: false, rowsLoaded: 1 });
    await rowsExactlyOnce(db, 't', 4);
  });

  it('is loaded again by force, which is recorded', async () => {
    expect(await load(file, { force: true })).toMatchObject({ deduplicated: false, rowsLoaded: 3 });
    expect(await load(file, { force: true })).toMatchObject({ deduplicated: false, rowsLoaded: 3 });
    expect(await load(file)).toMatchObject({ deduplicated: true });
    expect(await db.sql('SELECT state, repeat FROM copyline.load ORDER BY started_at')).toEqual(
      [0, 1, 2].map((repeat) => ({ state: 'done', repeat })),
    );
    expect(await db.sql('SELECT count(*)::int4 AS n FROM t')).toEqual([{ n: 9 }]);
  });

  it('is recognised in an emptied table, with a warning', async () => {
    await db.sql('TRUNCATE t');
    const report = await load(file);
    expect(report.deduplicated).toBe(true);
    expect(report.warnings.map((warning) => warning.code)).toEqual(['TARGET_EMPTY']);
    await rowsExactlyOnce(db, 't', 0);
    expect(await load(file, { force: true })).toMatchObject({ deduplicated: false, rowsLoaded: 3 });
  });

  it('is loaded into a table that was made anew', async () => {
    await db.sql('DROP TABLE t; CREATE TABLE t (rid bigint, name text)');
    expect(await load(file)).toMatchObject({ deduplicated: false });
    await rowsExactlyOnce(db, 't', 3);
  });

  it('is loaded once for each slot', async () => {
    expect(await load(file, { slot: '2026-11-21' })).toMatchObject({ deduplicated: false });
    expect(await load(file, { slot: '2026-11-21' })).toMatchObject({ deduplicated: true });
  });

  it('is loaded into a new generation of the table', async () => {
    await db.sql(
      `INSERT INTO copyline.target (target_oid, target_name, generation)
       VALUES ('t'::regclass, 'public.t', 1)`,
    );
    await db.sql('TRUNCATE t');
    expect(await load(file)).toMatchObject({ deduplicated: false });
    expect(await load(file)).toMatchObject({ deduplicated: true });
    await rowsExactlyOnce(db, 't', 3);
  });

  it.each([
    ['the same file', false],
    ['a copy of the file', true],
  ])('is refused with other settings, as %s', async (_, isCopy) => {
    const path = isCopy ? join(directory, 'copy.csv') : file;
    if (isCopy) await copyFile(file, path);
    const { report } = await run(path, { dialect: { null: 'two' } });
    expect(report.error).toMatchObject({ code: 'ALREADY_LOADED_DIFFERENTLY' });
    await rowsExactlyOnce(db, 't', 3);
    expect(await load(path, { dialect: { null: 'two' }, force: true })).toMatchObject({
      deduplicated: false,
    });
  });

  it('is loaded twice without a ledger, which says that it promises less', async () => {
    const report = await load(file, { ledger: 'none' });
    expect(report).toMatchObject({ deduplicated: false, guarantee: 'at-least-once' });
    expect(report.warnings.map((warning) => warning.code)).toEqual(['NO_LEDGER']);
    expect(await db.sql('SELECT count(*)::int4 AS n FROM t')).toEqual([{ n: 6 }]);
  });

  it('is promised less in an unlogged table', async () => {
    await db.sql('CREATE UNLOGGED TABLE u (rid bigint, name text)');
    const report = await load(file, { into: 'u' });
    expect(report.guarantee).toBe('at-least-once');
    expect(report.warnings.map((warning) => warning.code)).toEqual(['TARGET_UNLOGGED']);
  });

  it('counts the rows that a trigger keeps out', async () => {
    await db.sql(`CREATE TABLE picky (rid bigint, name text);
      CREATE FUNCTION pick() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RETURN CASE WHEN new.rid = 2 THEN NULL ELSE new END; END $$;
      CREATE TRIGGER pick BEFORE INSERT ON picky FOR EACH ROW EXECUTE FUNCTION pick()`);
    const report = await load(file, { into: 'picky' });
    expect(report).toMatchObject({ rowsParsed: 3, rowsLoaded: 2, rowsSuppressed: 1 });
    await rowsExactlyOnce(db, 'picky', 2);
  });

  it('is stored with the digest of its bytes', async () => {
    const [entry] = await db.sql<{ digest: string; source_bytes: bigint }>(
      'SELECT digest, source_bytes FROM copyline.load',
    );
    // XXH128 of the content, as `xxhsum -H128` prints it.
    expect(entry?.digest).toMatch(/^xxh128:[\da-f]{32}$/);
    expect(Number(entry?.source_bytes)).toBe((await readFile(file)).length);
  });
});
