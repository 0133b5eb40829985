/** How long a small load takes from its submission to its COMMIT, on both backends of the queue. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { conditions, conditionsText, keepResult } from './conditions.mjs';
import { interruption } from './measure.mjs';
import { fixed, say, tableText } from './print.mjs';
import { startServer } from './server.mjs';

const JOBS = { full: 200, quick: 20 };
/** Pools, prepared plans and the optimiser of JavaScript: a service runs for longer than a minute. */
const WARM_UP = 20;
const ROWS = 100;
/** What is submitted is committed to disk: the latency of a disk is part of the answer. */
const DURABLE = { fsync: 'on', full_page_writes: 'on' };

/** @param {{ quick: boolean }} options */
export async function measureSmallJobs({ quick }) {
  const jobs = quick ? JOBS.quick : JOBS.full;
  const server = await startServer(DURABLE);
  try {
    const result = { conditions: conditions(server), jobs, rows: ROWS, runs: [] };
    say(`${conditionsText(result.conditions)}\n`);
    for (const backend of ['postgres', 'redis']) {
      const redis = backend === 'redis' ? await startRedis() : undefined;
      if (backend === 'redis' && redis === undefined) {
        say('  redis: left out, there is no redis-server (apt-get install redis-server)');
        continue;
      }
      try {
        const latencies = await measureBackend(server, backend, redis?.url, jobs);
        result.runs.push({ backend, ...summary(latencies) });
        say(`  ${backend}: ${fixed(result.runs.at(-1).p50, 0)} ms`);
      } finally {
        await redis?.close();
      }
    }
    const table = resultTable(result.runs);
    const kept = await keepResult('small-job', { ...result, table });
    say(`\n${table}\n\nAgain: ${result.conditions.command}\nKept:  ${kept}`);
  } finally {
    await server.close();
  }
}

/** @returns milliseconds from just before the request to the ledger's entry, which COMMIT follows */
async function measureBackend(server, backend, redisUrl, jobs) {
  const directory = await mkdtemp(path.join(tmpdir(), 'copyline-bench-'));
  const inbox = path.join(directory, 'inbox');
  await mkdir(inbox);
  await writeFile(
    path.join(directory, 'copyline.yaml'),
    [
      'connections: { bench: "${env:BENCH_TARGET}" }',
      'sources: { inbox: inbox }',
      'control: bench',
      `queue: ${redisUrl === undefined ? 'postgres' : '${env:BENCH_REDIS}'}`,
    ].join('\n'),
  );
  await server.query('drop schema if exists copyline, copyline_control, bullmq cascade');
  await server.query('drop table if exists small');
  await server.query('create table small (id int8, name text, amount numeric)');
  const env = {
    ...process.env,
    ...server.env,
    BENCH_TARGET: server.conninfo,
    BENCH_REDIS: redisUrl ?? '',
    COPYLINE_HOME: path.join(directory, 'home'),
    COPYLINE_CONFIG: path.join(directory, 'copyline.yaml'),
    COPYLINE_PORT: '0',
    COPYLINE_WORKER_PORT: '0',
  };
  const scheduler = await startApp('scheduler', /Listening at (http:[^"\s]+)/, env);
  const worker = await startApp('worker', /Health at (http:[^"\s]+)/, env);
  try {
    const token = (await readFile(path.join(directory, 'home', 'token'), 'utf8')).trim();
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const latencies = [];
    for (let job = 0; job < WARM_UP + jobs; job += 1) {
      interruption.signal.throwIfAborted();
      await writeFile(path.join(inbox, `${job}.csv`), smallFile(job));
      const body = JSON.stringify({
        source: `inbox:${job}.csv`,
        into: 'small',
        connection: 'bench',
      });
      const submittedAt = Date.now();
      const answer = await fetch(`${scheduler.url}/api/v1/loads`, {
        method: 'POST',
        headers,
        body,
      });
      const { id } = await answer.json();
      const ended = await fetch(`${scheduler.url}/api/v1/jobs/${id}?waitSeconds=30`, { headers });
      const { state } = await ended.json();
      if (state !== 'done') throw new Error(`A job is ${state} instead of done`);
      const [{ at }] = await server.query(
        `select extract(epoch from finished_at)::float8 * 1000 as at
           from copyline.load where owner = '${id}'`,
      );
      if (job >= WARM_UP) latencies.push(at - submittedAt);
    }
    const [{ count }] = await server.query('select count(*)::int from small');
    if (count !== (WARM_UP + jobs) * ROWS) throw new Error(`The table has ${count} rows`);
    return latencies;
  } finally {
    await worker.stop();
    await scheduler.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function smallFile(job) {
  const lines = Array.from(
    { length: ROWS },
    (_, row) => `${job * ROWS + row},name ${row},${row}.5`,
  );
  return `id,name,amount\n${lines.join('\n')}\n`;
}

async function startApp(name, ready, env) {
  const program = new URL(`../apps/${name}/bin/copyline-${name}.js`, import.meta.url);
  const child = spawn(process.execPath, [fileURLToPath(program)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let text = '';
  const url = await new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      const [, found] = ready.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    ended.then(() => reject(new Error(`${name} has ended: ${text}`)), reject);
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { url, stop };
}

/** As docker-compose.yml has it: with its log of writes. Undefined where there is none. */
async function startRedis() {
  const directory = await mkdtemp(path.join(tmpdir(), 'copyline-bench-redis-'));
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--appendonly', 'yes'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const started = await Promise.race([
    once(child, 'error').then(() => false),
    once(child.stdout, 'data').then(() => true),
  ]);
  if (!started) return undefined;
  return {
    url: `redis://127.0.0.1:${port}`,
    close: async () => {
      child.kill('SIGTERM');
      await once(child, 'close');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function summary(latencies) {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { p50: at(0.5), p95: at(0.95), longest: sorted.at(-1) };
}

function resultTable(runs) {
  return tableText(
    [
      { title: 'queue in', text: (run) => run.backend },
      { title: 'median ms', right: true, text: (run) => fixed(run.p50, 0) },
      { title: '95 % within ms', right: true, text: (run) => fixed(run.p95, 0) },
      { title: 'longest ms', right: true, text: (run) => fixed(run.longest, 0) },
    ],
    runs,
  );
}
