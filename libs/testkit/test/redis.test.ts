import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { redisServer, startPostgres, startRedis, useRedis } from '../src/index.ts';

const shared = redisServer();

describe.skipIf(shared === undefined)('the shared Redis', () => {
  const redis = useRedis(shared as NonNullable<typeof shared>);

  it('asks for its password', async () => {
    const { port, command } = redis;
    expect(await command('PING')).toBe('PONG');
    const stranger = redisServer();
    expect(stranger?.url).toContain(`:${port}`);
    await expect(command('AUTH', 'wrong')).rejects.toThrow(/WRONGPASS/);
  });

  const prefixes: string[] = [];

  it.each(['first', 'second'])('gives the %s test its own keys, and removes them', async () => {
    for (const earlier of prefixes) {
      expect(redis.prefix).not.toBe(earlier);
      expect(await redis.command('KEYS', `${earlier}*`)).toBe('');
    }
    prefixes.push(redis.prefix);
    await redis.command('SET', `${redis.prefix}:a`, '1');
  });
});

describe.skipIf(shared === undefined)('a Redis of one test', () => {
  it('forgets when it is killed, and is back on the same port', async () => {
    const redis = await startRedis();
    await redis.command('SET', 'a', '1');
    await redis.kill();
    await expect(redis.command('PING')).rejects.toThrow(/refused/);
    await redis.start();
    expect(await redis.command('GET', 'a')).toBe('');
  });

  it('remembers with appendonly', async () => {
    const redis = await startRedis({ appendonly: true });
    await redis.command('SET', 'a', '1');
    await redis.shutdown();
    await redis.start();
    expect(await redis.command('GET', 'a')).toBe('1');
  });

  it('is out of memory at its limit', async () => {
    const redis = await startRedis({ maxmemory: '100kb', policy: 'noeviction' });
    await expect(redis.command('SET', 'a', '1')).rejects.toThrow(/OOM/);
  });
});

describe('a PostgreSQL of one test', () => {
  it('is refused when stopped, and is back with its data as often as wanted', async () => {
    const postgres = await startPostgres();
    const ask = async (statement: string): Promise<unknown[]> => {
      const client = new pg.Client({ connectionString: postgres.url() });
      await client.connect();
      const { rows } = await client.query<Record<string, unknown>>(statement);
      await client.end();
      return rows;
    };
    await ask('create table t as select 1 as a; checkpoint');
    for (let round = 1; round <= 2; round += 1) {
      await postgres.stop();
      await expect(ask('select')).rejects.toThrow(/ECONNREFUSED/);
      await postgres.start();
      expect(await ask('select a from t')).toEqual([{ a: 1 }]);
    }
  });
});
