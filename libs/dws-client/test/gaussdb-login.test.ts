import {
  type FaceOptions,
  type FaceRole,
  postgres18,
  startDwsFace,
  startFaultProxy,
  useTestDatabase,
} from '@copyline/testkit';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';

import { connect, Pool } from '../src/index.ts';
import { connected, expectHealthy } from './support/connected.ts';

const PASSWORD = 'Gauss@123 密码';

describe('logging in to a GaussDB(DWS)', () => {
  const db = useTestDatabase(postgres18());

  /** A face with one user, who may log in to what is behind it, too. */
  async function faceFor(role: Partial<FaceRole> = {}, options: FaceOptions = {}) {
    const user = `face_${db.schema.slice(-8)}`;
    await db.sql(`create role ${user} login password '${PASSWORD}'`);
    onTestFinished(async () => {
      await db.sql(`drop role ${user}`);
    });
    const roles = { [user]: { password: PASSWORD, ...role } };
    const face = await startDwsFace(db.server, { ...options, roles });
    const target = (password = PASSWORD, port = face.port): string => {
      const url = new URL(db.url());
      Object.assign(url, { port: String(port), username: user });
      url.password = encodeURIComponent(password);
      return url.href;
    };
    return { face, user, target };
  }

  it('a stock node-postgres is refused, with the message that users know', async () => {
    const { target } = await faceFor();
    const stock = new pg.Client({ connectionString: target() });
    stock.on('error', () => undefined);
    await expect(stock.connect()).rejects.toThrow(
      'SASL: Only mechanism(s) SCRAM-SHA-256 are supported',
    );
    await expectHealthy(await connected(target()));
  });

  it.each([
    ['sha256', undefined],
    ['sha256', '3.51'],
    ['sha256', '3.0'],
    ['sha256-and-md5', undefined],
    ['sha256-and-md5', '3.51'],
    ['md5', undefined],
    ['md5', '3.51'],
    ['sm3', undefined],
    ['sm3', '3.0'],
  ] as const)('works with a password stored as %s, protocol %s', async (storedAs, protocol) => {
    const { target } = await faceFor({ storedAs });
    await expectHealthy(await connected(target(), protocol && { protocol }));
    const wrong = connect({ target: target('wrong'), ...(protocol && { protocol }) });
    await expect(wrong).rejects.toMatchObject({ code: 'AUTH_FAILED', retry: 'never' });
  });

  it('works in protocol 3.50, which does not tell the iterations', async () => {
    const { target } = await faceFor({ iterations: 2_048 });
    await expectHealthy(await connected(target(), { protocol: '3.50' }));
  });

  it('takes any number of iterations that the server tells', async () => {
    const { target } = await faceFor({ iterations: 12_345 });
    await expectHealthy(await connected(target()));
    // By 3.0 the number must be guessed: a wrong password is not told from an unusual number.
    await expect(connect({ target: target(), protocol: '3.0' })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringContaining('signature') as string,
    });
  });

  it('explains a refusal, without the password', async () => {
    const { target } = await faceFor();
    await expect(connect({ target: target('not-it') })).rejects.toSatisfy((error: Error) => {
      expect(error.message).toContain('Invalid username/password,login denied.');
      expect(error.message).toContain('password_encryption_type');
      expect(error.message).not.toContain('not-it');
      return true;
    });
    const url = new URL(target());
    url.username = 'nobody_at_all';
    await expect(connect({ target: url.href })).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  });

  it('takes the handshake in any pieces', async () => {
    const { face, target } = await faceFor();
    const proxy = await startFaultProxy(face);
    proxy.slice(1);
    for (const protocol of ['3.0', '3.51', undefined] as const) {
      const options = protocol === undefined ? {} : { protocol };
      await expectHealthy(await connected(target(PASSWORD, proxy.port), options));
    }
  });

  it('works through a pool, which finds the protocol out once', async () => {
    const { face, target } = await faceFor();
    const proxy = await startFaultProxy(face);
    await using pool = new Pool({ target: target(PASSWORD, proxy.port), max: 3 });
    const own = pool.withConnection(expectHealthy);
    await own;
    const before = proxy.messages('toServer', 'startup');
    await Promise.all(Array.from({ length: 3 }, () => pool.query('select pg_sleep(0.05)')));
    expect(before).toBe(2); // 3.0, then 3.51
    expect(proxy.messages('toServer', 'startup')).toBe(4);
  });

  it('takes the protocol back where a PostgreSQL is asked for too much', async () => {
    for (const protocol of ['3.51', '3.50'] as const) {
      await expectHealthy(await connected(db.url(), { protocol }));
    }
  });
});
