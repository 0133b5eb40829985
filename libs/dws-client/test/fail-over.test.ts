import { startFaultProxy, startPostgres, anyPostgres, waitFor } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { connect, Pool, type RetryEvent } from '../src/index.ts';
import { connected } from './support/connected.ts';
import { FAST, observed, replicated, rids, targetOf } from './support/restarting.ts';

const ROWS = Buffer.from('1\n2\n3\n');

describe.each(anyPostgres())('F22: a fail-over between servers like $name', ({ major }) => {
  it('that is planned is followed: the old one is read-only, the next connection goes to the new one', async () => {
    const { primary, standby, admin, failOver, target } = await replicated(major);
    await using pool = new Pool({ target, max: 1, retry: FAST });
    await pool.query('insert into orders values (1)');
    await admin.query('alter system set default_transaction_read_only = on');
    await admin.query('select pg_reload_conf()');
    await waitFor('the session to be read-only', async () => {
      const { rows } = await pool.query<{ value: string }>(
        "select current_setting('default_transaction_read_only') as value",
      );
      return rows[0]?.value === 'on';
    });
    const { failures, observe } = observed();
    const watch = (event: RetryEvent): void => {
      observe(event);
      if (failures.length === 1) failOver();
    };
    // The new one is a standby for a moment longer, and read-only as well.
    await pool.transaction((connection) => connection.query('insert into orders values (2)'), {
      retry: { ...FAST, observe: watch },
    });
    expect(failures[0]).toMatchObject({ sqlstate: '25006', commitState: 'rolled_back' });
    expect(await rids(await connected(targetOf(standby)))).toEqual([1, 2]);
    expect(await rids(await connected(targetOf(primary)))).toEqual([1]);
  });

  it('that loses the tail loses a transaction as a whole; run again it is there once', async () => {
    const { primary, standby, proxy, failOver, target } = await replicated(major);
    await using pool = new Pool({ target, max: 2, retry: FAST });
    await pool.query('create table ledger (load text primary key)');
    await waitFor('the standby to follow', async () => {
      const reader = await connect({ target: targetOf(standby) });
      const { rows } = await reader.query("select to_regclass('ledger')::text as name");
      await reader.close();
      return rows[0]?.['name'] === 'ledger';
    });
    await standby.cutOff();
    const load = (): Promise<unknown> =>
      pool.transaction(
        async (connection) => {
          await connection.query("insert into ledger values ('a')");
          await connection.copyIn('copy orders from stdin', (sink) => sink.write(ROWS));
        },
        { retry: FAST },
      );
    const lost = proxy.dropReply(/^COMMIT$/);
    await expect(load()).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN', commitState: 'unknown' });
    await lost.reached;
    await primary.stop('immediate');
    failOver();
    // Rows and ledger have one commit record: gone, both of them.
    const known = await pool.query('select load from ledger', [], { retryIdempotent: FAST });
    expect(known.rows).toEqual([]);
    expect(await rids(pool)).toEqual([]);
    await load();
    expect(await rids(pool)).toEqual([1, 2, 3]);
    expect((await pool.query('select load from ledger')).rows).toEqual([{ load: 'a' }]);
  });
});

describe.each(anyPostgres())('F23: a standby of $name', ({ major }) => {
  it('is read from, refuses what writes, and is left by what is repeated', async () => {
    const primary = await startPostgres({ major });
    const admin = await connected(targetOf(primary));
    await admin.query('create table orders (rid int); insert into orders values (1)');
    const standby = await primary.startStandby();
    const proxy = await startFaultProxy(standby);
    await using pool = new Pool({ target: targetOf(standby, proxy), max: 1 });
    expect(await rids(pool)).toEqual([1]);
    await pool.withConnection(async (connection) => {
      const copying = connection.copyIn('copy orders from stdin', (sink) => sink.write(ROWS));
      const refusal = { sqlstate: '25006', commitState: 'none' };
      await expect(copying).rejects.toMatchObject(refusal);
      // The session itself is sound.
      expect(connection.isProvenIdle).toBe(true);
      expect(await rids(connection)).toEqual([1]);
    });
    const { failures, observe } = observed();
    const watch = (event: RetryEvent): void => {
      observe(event);
      proxy.repoint(primary);
    };
    await pool.transaction(
      (connection) => connection.copyIn('copy orders from stdin', (sink) => sink.write(ROWS)),
      { retry: { ...FAST, observe: watch } },
    );
    expect(failures).toMatchObject([{ sqlstate: '25006', commitState: 'rolled_back' }]);
    expect(await rids(admin)).toEqual([1, 1, 2, 3]);
  });
});
