import { postgresServers, useOwnDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { ControlDatabase, Workers } from '../../src/index.ts';
import { openControl } from '../support/control.ts';

describe.each(postgresServers())('the control database on $name', (server) => {
  const db = useOwnDatabase(server);

  it('is made once when eight processes open it at the same time', async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => openControl(db)));
    expect(opened).toHaveLength(8);
    expect(await db.sql('SELECT version FROM copyline_control.migration')).toEqual([
      { version: 1 },
      { version: 2 },
      { version: 3 },
    ]);
    await openControl(db);
    expect(await db.sql('SELECT version FROM copyline_control.migration')).toHaveLength(3);
  });

  it('is left alone by a program that is older than it', async () => {
    await openControl(db);
    await db.sql('INSERT INTO copyline_control.migration (version) VALUES (1000)');
    await expect(ControlDatabase.open({ target: db.url() })).rejects.toMatchObject({
      code: 'CONTROL_NEWER',
      message: 'The control database has version 1000, this Copyline knows 3',
    });
  });

  it('is opened by a role that may not make it once somebody else has', async () => {
    await db.sql(`DROP ROLE IF EXISTS copyline_reader`);
    await db.sql(`CREATE ROLE copyline_reader LOGIN PASSWORD 'reader'`);
    const target = new URL(db.url());
    target.username = 'copyline_reader';
    target.password = 'reader';
    await expect(ControlDatabase.open({ target: target.href })).rejects.toMatchObject({
      code: 'CONTROL_UNAVAILABLE',
    });
    await openControl(db);
    await db.sql(`GRANT USAGE ON SCHEMA copyline_control TO copyline_reader`);
    await db.sql(`GRANT SELECT ON ALL TABLES IN SCHEMA copyline_control TO copyline_reader`);
    await openControl({ url: () => target.href });
    await db.sql(`DROP OWNED BY copyline_reader`);
    await db.sql(`DROP ROLE copyline_reader`);
  });

  it('may have any name for its schema', async () => {
    const schema = 'Control "of" ours';
    const { submissions } = await openControl(db, { schema });
    expect(await submissions.list({ limit: 1 })).toEqual({ jobs: [], next: null });
  });

  it('commits all of a transaction or nothing', async () => {
    const { database } = await openControl(db);
    await db.sql('CREATE TABLE t (a int)');
    await expect(
      database.transaction(async (query) => {
        await query('INSERT INTO t VALUES (1)');
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await db.sql('SELECT * FROM t')).toEqual([]);
    await database.transaction((query) => query('INSERT INTO t VALUES ($1)', [2]));
    expect(await db.sql('SELECT * FROM t')).toEqual([{ a: 2 }]);
  });

  it('knows the workers that are there', async () => {
    const { database } = await openControl(db);
    const workers = new Workers(database);
    const unseenFor = (interval: string) =>
      db.sql(
        `UPDATE copyline_control.worker SET seen_at = now() - $1::interval WHERE name = 'host-2'`,
        [interval],
      );
    const worker = await workers.register('host-1', 2);
    const gone = await workers.register('host-2', 1);
    const [, before] = await workers.list();
    await workers.beat(worker, 1);
    await unseenFor('20 s');
    expect(await workers.list()).toMatchObject([{ name: 'host-1', concurrency: 2, running: 1 }]);
    await workers.unregister(worker);
    expect(await workers.list()).toEqual([]);

    // Cut off for so long that the next one has cleared it away, it is there again.
    await unseenFor('2 h');
    await workers.unregister(await workers.register('host-3', 1));
    await workers.beat(gone, 1);
    expect(await workers.list()).toMatchObject([
      { name: 'host-2', concurrency: 1, running: 1, startedAt: before?.startedAt },
    ]);
  });
});
