import { createHash } from 'node:crypto';
import { beforeEach, inject, onTestFinished } from 'vitest';
import {
  launchRedis,
  redisCommand,
  type RedisFacts,
  type RedisOptions,
  type RedisProcess,
} from './redis-process.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    copylineRedis: RedisFacts | null;
  }
}

/** A running Redis, shared by every test file of a run. */
export interface RedisServer extends RedisFacts {
  /** `redis://` with the password. */
  readonly url: string;
  /** Runs one command, never through the product, and gives the answer as redis-cli prints it. */
  readonly command: (...words: string[]) => Promise<string>;
}

/** What a test holds while it runs: its own part of the keys, removed after it. */
export interface TestRedis extends RedisServer {
  readonly prefix: string;
}

/** A Redis of one test, which may kill it; it is gone when the test ends. */
export interface PrivateRedis extends RedisServer {
  readonly kill: RedisProcess['kill'];
  readonly start: RedisProcess['start'];
  readonly pause: RedisProcess['pause'];
  readonly resume: RedisProcess['resume'];
  /** Ends it in good order, but without writing anything down. */
  shutdown(): Promise<void>;
}

/**
 * The shared server; undefined where `redis-server` is not installed (the run says so, and fails for
 * it when `CI` is set). Made for `describe.skipIf(redisServer() === undefined)`.
 */
export function redisServer(): RedisServer | undefined {
  const facts = inject('copylineRedis');
  return facts === null ? undefined : asServer(facts);
}

/** A prefix per test. Call it inside a `describe`; the handle is valid inside the tests. */
export function useRedis(server: RedisServer): TestRedis {
  let prefix: string | undefined;
  beforeEach(({ task }) => {
    const key = `${task.file.name}\0${task.fullTestName}`;
    prefix = `test_${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
    const mine = `${prefix}:*`;
    onTestFinished(() => removeKeys(server, mine));
  });
  return {
    ...server,
    get prefix() {
      if (prefix === undefined) throw new Error('the prefix exists only while a test runs');
      return prefix;
    },
  };
}

/** Only inside a test or a `beforeEach`. */
export async function startRedis(options?: RedisOptions): Promise<PrivateRedis> {
  const redis = await launchRedis(options);
  onTestFinished(() => redis.close());
  const server = asServer(redis);
  return {
    ...server,
    kill: redis.kill,
    start: redis.start,
    pause: redis.pause,
    resume: redis.resume,
    shutdown: async () => {
      // The connection ends without an answer, which redis-cli takes for a failure.
      await server.command('SHUTDOWN', 'NOSAVE').catch(() => undefined);
      await redis.kill();
    },
  };
}

function asServer({ host, port, password }: RedisFacts): RedisServer {
  return {
    host,
    port,
    password,
    url: `redis://:${encodeURIComponent(password)}@${host}:${port}`,
    command: (...words) => redisCommand({ host, port, password }, ...words),
  };
}

async function removeKeys(server: RedisServer, pattern: string): Promise<void> {
  const script = `for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end`;
  await server.command('EVAL', script, '0', pattern);
}
