import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  commitGate,
  copyProgress,
  createTableSql,
  openGate,
  rowsExactlyOnce,
  anyPostgres,
  useOwnDatabase,
  waitFor,
  within,
  writeCsv,
} from '../src/index.ts';
import { copyFrom } from './copy-from.ts';

describe.each(anyPostgres())('parking points on $name', (server) => {
  const db = useOwnDatabase(server);
  const rows = 1_000;

  async function startLoad(client: pg.Client): Promise<{ done: Promise<void> }> {
    const directory = await mkdtemp(join(tmpdir(), 'testkit-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const csv = await writeCsv(join(directory, 'orders.csv'), { rows, header: false });
    const run = async (): Promise<void> => {
      await client.query('begin');
      await pipeline(createReadStream(csv.path), copyFrom(client, 'copy orders from stdin csv'));
      await client.query('commit');
    };
    const done = run();
    done.catch(() => undefined);
    return { done };
  }

  async function createOrders(): Promise<void> {
    await db.sql(createTableSql('orders', 'mixed'));
  }

  it('parks a COPY in front of one row', async () => {
    await createOrders();
    const gate = await openGate(db, 'orders', { column: 'rid', at: 500 });
    const client = await db.client();
    const load = await startLoad(client);

    const pid = await gate.reached();
    const progress = await waitFor('the progress', () => copyProgress(db, 'orders'));
    expect(progress.pids).toEqual([pid]);
    expect(progress.tuplesProcessed).toBe(499);
    await rowsExactlyOnce(db, 'orders', 0);

    await gate.release();
    await load.done;
    await rowsExactlyOnce(db, 'orders', rows);
    expect(await copyProgress(db, 'orders')).toBeNull();
  });

  it('parks inside COMMIT, before the commit record', async () => {
    await createOrders();
    const gate = await commitGate(db, 'orders', { column: 'rid', at: rows });
    const load = await startLoad(await db.client());

    const pid = await gate.reached();
    const [session] = await db.sql('select query from pg_stat_activity where pid = $1', [pid]);
    expect(session).toEqual({ query: 'commit' });
    await db.sql('select pg_terminate_backend($1)', [pid]);

    await expect(load.done).rejects.toThrow();
    await rowsExactlyOnce(db, 'orders', 0);
    await gate.release();
  });

  it('lets a parked COMMIT through', async () => {
    await createOrders();
    const gate = await commitGate(db, 'orders', { column: 'rid', at: 1 });
    const load = await startLoad(await db.client());
    await gate.reached();
    await gate.release();
    await gate.release();
    await load.done;
    await rowsExactlyOnce(db, 'orders', rows);
  });

  it('parks an update, as of a ledger row', async () => {
    await db.sql(`create table ledger (slot text, state text)`);
    await db.sql(`insert into ledger values ('it''s', 'claimed')`);
    const gate = await openGate(db, 'ledger', { column: 'slot', at: "it's", event: 'update' });
    const client = await db.client();
    const update = client.query(`update ledger set state = 'done'`);
    await gate.reached();
    await gate.release();
    expect((await update).rowCount).toBe(1);
  });

  it('says which gate was never reached', async () => {
    await db.sql('create table orders (rid bigint)');
    const gate = await openGate(db, 'orders', { column: 'rid', at: 1 });
    await expect(gate.reached({ timeoutMs: 50 })).rejects.toThrow('row gate of orders');
  });
});

describe('waiting', () => {
  it('returns the first truthy answer', async () => {
    let looks = 0;
    expect(await waitFor('three looks', () => ++looks === 3 && 'seen')).toBe('seen');
  });

  it('fails with the description and what it saw last', async () => {
    await expect(waitFor('rain', () => 0, { timeoutMs: 30 })).rejects.toThrow(
      /waited 30 ms in vain for: rain; last seen: 0/,
    );
  });

  it('also bounds a predicate that never answers', async () => {
    const never = new Promise<boolean>(() => undefined);
    await expect(waitFor('Godot', () => never, { timeoutMs: 30 })).rejects.toThrow('Godot');
    await expect(within('Godot', never, 30)).rejects.toThrow('Godot');
  });

  it('passes on what the predicate throws', async () => {
    const fail = (): never => {
      throw new Error('broken predicate');
    };
    await expect(waitFor('anything', fail)).rejects.toThrow('broken predicate');
  });
});
