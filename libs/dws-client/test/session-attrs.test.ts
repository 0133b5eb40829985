import { startFaultProxy, anyPostgres, waitFor } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { findSession } from '../src/connect/find-session.ts';
import type { OpenSession } from '../src/connect/open-session.ts';
import { unwantedBecause } from '../src/connect/session-attrs.ts';
import { endClient } from '../src/connection.ts';
import { connect, parseConninfo, Pool } from '../src/index.ts';
import { FAST, replicated, rids } from './support/restarting.ts';

type Server = 'primary' | 'standby' | 'dead';

describe.each(anyPostgres())('servers like $name, one of them a standby', ({ major }) => {
  it('are found by what the session can do', async () => {
    const { primary, standby, admin } = await replicated(major);
    const dead = await startFaultProxy(primary);
    dead.refuse();
    const ports = { primary: primary.port, standby: standby.port, dead: dead.port };
    const { username, password, pathname } = new URL(primary.url());
    const login = `user=${username} password=${password} dbname=${pathname.slice(1)}`;
    const target = (servers: readonly Server[], more: string): string =>
      `host=${servers.map(() => primary.host).join(',')} port=${servers.map((each) => ports[each]).join(',')} ` +
      `${login} sslmode=disable ${more}`;

    const foundBy = async (servers: readonly Server[], more: string): Promise<string> => {
      const connection = await connect({ target: target(servers, more) });
      const { rows } = await connection.query<{ standby: boolean }>(
        'select pg_is_in_recovery() as standby',
      );
      await connection.close();
      return rows[0]?.standby === true ? 'standby' : 'primary';
    };
    const PRIMARY_FIRST: Server[] = ['dead', 'primary', 'standby'];
    const STANDBY_FIRST: Server[] = ['standby', 'dead', 'primary'];

    const wanted = [
      ['any', 'primary', 'standby'],
      ['read-write', 'primary', 'primary'],
      ['primary', 'primary', 'primary'],
      ['read-only', 'standby', 'standby'],
      ['standby', 'standby', 'standby'],
      ['prefer-standby', 'standby', 'standby'],
    ] as const;
    for (const [attrs, first, second] of wanted) {
      const more = `target_session_attrs=${attrs}`;
      expect([attrs, await foundBy(PRIMARY_FIRST, more)]).toEqual([attrs, first]);
      expect([attrs, await foundBy(STANDBY_FIRST, more)]).toEqual([attrs, second]);
    }
    expect(await foundBy(['dead', 'primary'], 'target_session_attrs=prefer-standby')).toBe(
      'primary',
    );

    // Nobody has what is wanted: each says why not.
    const reasons = async (servers: readonly Server[], attrs: string): Promise<unknown> =>
      connect({ target: target(servers, `target_session_attrs=${attrs}`) }).catch(
        (error: unknown) => error,
      );
    expect(await reasons(['dead', 'standby'], 'primary')).toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringMatching(
        /:\d+: connect ECONNREFUSED [^;]+; [^;]+:\d+: server is in hot standby mode$/,
      ) as string,
    });
    expect(await reasons(['primary'], 'standby')).toMatchObject({
      message: expect.stringContaining('server is not in hot standby mode') as string,
    });
    expect(await reasons(['standby'], 'read-write')).toMatchObject({
      message: expect.stringContaining('session is read-only') as string,
    });

    // Asked with SQL, as servers before 14 and poolers must be.
    for (const server of ['primary', 'standby'] as const) {
      const session = await findSession(parseConninfo(target([server], '')), {});
      const silent: OpenSession = { ...session, reported: new Map() };
      for (const attrs of ['read-write', 'read-only', 'primary', 'standby'] as const) {
        expect(await unwantedBecause(silent, attrs)).toBe(await unwantedBecause(session, attrs));
      }
      await endClient(session.client, true);
    }

    // Every host gets its share.
    const seen = new Set<string>();
    for (let i = 0; i < 60 && seen.size < 2; i += 1) {
      seen.add(await foundBy(PRIMARY_FIRST, 'load_balance_hosts=random'));
    }
    expect([...seen].sort()).toEqual(['primary', 'standby']);

    // A primary that is read-only for everybody.
    await admin.query('alter system set default_transaction_read_only = on');
    await admin.query('select pg_reload_conf()');
    await waitFor('the primary to be read-only', () =>
      foundBy(['primary'], 'target_session_attrs=read-only').then(
        () => true,
        () => false,
      ),
    );
    expect(await reasons(['primary', 'standby'], 'read-write')).toMatchObject({
      message: expect.stringMatching(/session is read-only; .* session is read-only$/) as string,
    });
    expect(await foundBy(['primary'], 'target_session_attrs=primary')).toBe('primary');
  });

  it('are followed through a fail-over by a pool that names them all', async () => {
    const { primary, standby, admin } = await replicated(major);
    const { username, password, pathname } = new URL(primary.url());
    const target =
      `postgresql://${username}:${password}@${primary.host}:${primary.port},${standby.host}:` +
      `${standby.port}${pathname}?target_session_attrs=read-write&sslmode=disable`;
    await using pool = new Pool({ target, max: 2, retry: FAST });
    await pool.query('insert into orders values (1)');
    await waitFor('the standby to have it', async () => {
      const { rows } = await admin.query(
        'select from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()',
      );
      return rows.length > 0;
    });
    await primary.stop('fast');
    standby.promote();
    await pool.transaction((connection) => connection.query('insert into orders values (2)'), {
      retry: FAST,
    });
    expect(await rids(pool)).toEqual([1, 2]);
  });
});
