import {
  postgres18,
  redisServer,
  useOwnDatabase,
  writeCsv,
  type PrivateRedis,
  type TestDatabase,
} from '@copyline/testkit';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { backends, createService } from './service.ts';

/** In a password of a target that refuses it, so that it goes through every error path. */
const CANARY = 'canary-3f9b1c77';

describe.each(backends('redis'))('secrets, with the queue in %s', (backend) => {
  const db = useOwnDatabase(postgres18());
  const test = it.skipIf(backend === 'redis' && redisServer() === undefined);

  test('appear nowhere: not in queue, tables, logs, errors, answers or the process list', async () => {
    const broken = new URL(db.url());
    broken.password = CANARY;
    const service = await createService(db, {
      backend,
      env: { TEST_BROKEN: broken.href, COPYLINE_WORKER_ATTEMPTS: '2' },
    });
    const config = join(service.home, 'copyline.yaml');
    const text = await readFile(config, 'utf8');
    await writeFile(
      config,
      text.replace('connections:', 'connections:\n  broken: ${env:TEST_BROKEN}'),
    );
    const file = await writeCsv(join(service.inbox, 'rows.csv'), { rows: 100, shape: 'mixed' });
    await db.sql(file.createTableSql('t'));
    const scheduler = await service.startScheduler();
    const worker = await service.startWorker();
    const answers: string[] = [];
    const load = { source: 'inbox:rows.csv', into: 't' };

    const good = await scheduler.jobEnded((await scheduler.submit(load)).id);
    const bad = await scheduler.jobEnded(
      (await scheduler.submit({ ...load, connection: 'broken' })).id,
    );
    expect(good.state).toBe('done');
    expect(bad).toMatchObject({ state: 'failed', error: { code: 'AUTH_FAILED' } });
    const extract = { from: { table: 't' }, to: 'outbox:rows.csv' };
    const out = await scheduler.jobEnded((await scheduler.submitExtract(extract)).id);
    const shut = await scheduler.jobEnded(
      (await scheduler.submitExtract({ ...extract, to: 'outbox:x.csv', connection: 'broken' })).id,
    );
    expect([out.state, shut.error?.code]).toEqual(['done', 'AUTH_FAILED']);
    const jobs = JSON.stringify([good, bad, out, shut]);
    expect(jobs, 'a path of the machine').not.toContain(service.home);
    answers.push(jobs);
    const paths = ['/jobs', '/status', '/schedules', '/openapi.json', '/jobs/nothing'];
    for (const path of paths) answers.push(await (await scheduler.fetch(path)).text());
    // Whoever puts a secret where none belongs is not shown it again.
    const misplaced = await scheduler.fetch('/loads', {
      method: 'POST',
      body: JSON.stringify({ ...load, connection: broken.href }),
    });
    answers.push(await misplaced.text());
    for (const path of ['/queues/api/queues', '/']) {
      const headers = { Authorization: `Bearer ${scheduler.token}` };
      answers.push(await (await fetch(`${scheduler.url}${path}`, { headers })).text());
    }

    const places = {
      answers: answers.join('\n'),
      tables: await dumpTables(db),
      redis: service.redis === undefined ? '' : await dumpRedis(service.redis),
      logs: [scheduler, worker].map(({ stdout, stderr }) => stdout + stderr).join('\n'),
      processes: await commandLines([scheduler.pid, worker.pid]),
    };
    expect(places.tables).toContain('inbox:rows.csv'); // the dump is one
    if (backend === 'redis') expect(places.redis).toContain('inbox:rows.csv');
    const password = decodeURIComponent(new URL(db.url()).password);
    const secrets = [CANARY, scheduler.token, password, service.redis?.password ?? CANARY];
    for (const [place, content] of Object.entries(places)) {
      for (const secret of secrets) {
        expect(content.includes(secret), `a secret in the ${place}`).toBe(false);
      }
    }
  });
});

async function dumpTables(db: TestDatabase): Promise<string> {
  const tables = await db.sql<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('copyline', 'copyline_control', 'bullmq')`,
  );
  const dumps: string[] = [];
  for (const { name } of tables) {
    const rows = await db.sql<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    dumps.push(...rows.map(({ row }) => row));
  }
  return dumps.join('\n');
}

function dumpRedis(redis: PrivateRedis): Promise<string> {
  const script = `
    local readers = {
      hash = function(key) return redis.call('HGETALL', key) end,
      list = function(key) return redis.call('LRANGE', key, 0, -1) end,
      set = function(key) return redis.call('SMEMBERS', key) end,
      zset = function(key) return redis.call('ZRANGE', key, 0, -1) end,
      stream = function(key) return redis.call('XRANGE', key, '-', '+') end,
      string = function(key) return redis.call('GET', key) end,
    }
    local found = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      local read = readers[redis.call('TYPE', key).ok]
      table.insert(found, { key, read(key) })
    end
    return cjson.encode(found)`;
  return redis.command('EVAL', script, '0');
}

async function commandLines(pids: readonly number[]): Promise<string> {
  const texts = await Promise.all(
    pids.map((pid) => readFile(`/proc/${String(pid)}/cmdline`, 'utf8')),
  );
  expect(texts.join()).toContain('copyline-worker');
  return texts.join('\n');
}
