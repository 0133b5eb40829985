import type { Job } from '@copyline/contracts';
import {
  redisServer,
  runProcess,
  startPostgres,
  waitFor,
  type ProcessOptions,
  type RestartablePostgres,
  type RunningProcess,
} from '@copyline/testkit';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import { readCompose, readDockerfile, ROOT, type Environment, type Program } from './files.ts';
import { isNoSecret, makeSecrets, temporaryFolder } from './secrets.ts';

const compose = readCompose();
const images = readDockerfile();

const hasPsql = spawnSync('psql', ['--version']).status === 0;

/** As plain processes. The names of the containers and their paths become those of this machine; all else is as it is. */
describe.skipIf(redisServer() === undefined || !hasPsql)('the commands of the containers', () => {
  let home: string;
  let secrets: string;
  let postgres: RestartablePostgres;
  let redisPort: number;

  /** What a container sees under its own paths. */
  const outside = (text: string): string =>
    text
      .replaceAll('/run/secrets', secrets)
      .replaceAll('/etc/copyline/copyline.yaml', join(home, 'copyline.yaml'))
      .replaceAll('/app/healthcheck.js', join(ROOT, 'deploy/healthcheck.js'))
      .replaceAll('/app/', ROOT)
      .replaceAll('/var/lib/copyline', join(home, 'state'))
      .replaceAll('/inbox', join(home, 'inbox'))
      .replaceAll('host=postgres', `host=${postgres.host} port=${postgres.port}`)
      .replaceAll('@redis:6379', `@127.0.0.1:${redisPort}`)
      .replaceAll('$$', '$');
  const start = (command: readonly string[], options?: ProcessOptions): RunningProcess => {
    const [program = '', ...args] = command.map(outside);
    return runProcess(program, args, { cwd: home, ...options });
  };
  const exitCode = (command: readonly string[], env: Environment = {}): number | null => {
    const [program = '', ...args] = command.map(outside);
    return spawnSync(program, args, { cwd: home, env: { ...process.env, ...env } }).status;
  };

  beforeEach(async () => {
    home = await temporaryFolder();
    secrets = join(home, 'deploy', 'secrets');
    postgres = await startPostgres();
    redisPort = await freePort();
    await cp(join(ROOT, 'deploy'), join(home, 'deploy'), { recursive: true, filter: isNoSecret });
    await makeSecrets(join(home, 'deploy'));
    await mkdir(join(home, 'inbox'));
    const config = await readFile(join(ROOT, 'deploy/copyline.yaml'), 'utf8');
    await writeFile(join(home, 'copyline.yaml'), outside(config));
    await writeFile(
      join(home, 'inbox', 'orders.csv'),
      'order_id,customer\n1,Ada\n2,"Hopper, Grace"\n',
    );
  });

  /** As the image does it: its superuser is called postgres, and runs the script that is mounted. */
  async function makeDatabases(): Promise<void> {
    const { hostname, port, username, password } = new URL(postgres.url());
    const psql = runProcess('psql', ['--set=ON_ERROR_STOP=1', '--no-psqlrc', '--dbname=postgres'], {
      env: { PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password },
      input: `
        CREATE ROLE postgres SUPERUSER;
        SET SESSION AUTHORIZATION postgres;
        ALTER ROLE ${username} RENAME TO bootstrap;
        ALTER DATABASE copyline RENAME TO bootstrap;
        ${outside(await readFile(join(ROOT, 'deploy/postgres/copyline.sql'), 'utf8'))}`,
    });
    expect((await psql.exit).code, psql.stderr).toBe(0);
  }

  async function startRedis(): Promise<RunningProcess> {
    const { command = [], healthcheck } = compose.services.redis;
    const redis = start([...command, '--port', String(redisPort), '--dir', home]);
    const [, check = ''] = healthcheck?.test ?? [];
    await waitFor(
      'the health check of Redis to pass',
      () => exitCode(['sh', '-c', check.replace('redis-cli', `redis-cli -p ${redisPort}`)]) === 0,
    );
    return redis;
  }

  async function startProgram(
    name: Program,
  ): Promise<{ running: RunningProcess; env: Environment }> {
    const { env: ofImage, cmd, healthcheck } = images[name];
    const env: Record<string, string> = {};
    for (const [key, value] of Object.entries({
      ...ofImage,
      ...compose.services[name].environment,
    })) {
      // Any port that is free here; in a container all are.
      env[key] = key.endsWith('PORT') ? String(await freePort()) : outside(String(value));
    }
    expect(exitCode(healthcheck, env)).toBe(1);
    const running = start(cmd, { env });
    await running.waitForOutput(/Listening at|Health at/, { timeoutMs: 45_000 });
    return { running, env };
  }

  it('bring up a service that loads a file, and stop in good order', async () => {
    await makeDatabases();
    const redis = await startRedis();
    const scheduler = await startProgram('scheduler');
    const worker = await startProgram('worker');

    expect(exitCode(images.scheduler.healthcheck, scheduler.env)).toBe(0);
    expect(exitCode(images.worker.healthcheck, worker.env)).toBe(0);

    const tokenFile = join(home, 'state', 'token');
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
    const token = (await readFile(tokenFile, 'utf8')).trim();
    const call = async (path: string, init: RequestInit = {}): Promise<Job> => {
      const port = scheduler.env['COPYLINE_PORT'] ?? '';
      const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
        ...init,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      });
      const body = (await response.json()) as Job;
      expect(response.ok, JSON.stringify(body)).toBe(true);
      return body;
    };
    const { id } = await call('/loads', {
      method: 'POST',
      body: JSON.stringify({
        source: 'inbox:orders.csv',
        connection: 'warehouse',
        into: 'orders',
        create: true,
      }),
    });
    const job = await waitFor(
      'the load to end',
      async () => {
        const seen = await call(`/jobs/${id}`);
        return ['done', 'failed'].includes(seen.state) ? seen : undefined;
      },
      { timeoutMs: 30_000, intervalMs: 100 },
    );
    expect(job, JSON.stringify(job)).toMatchObject({ state: 'done', report: { rowsLoaded: 2 } });

    const shown = spawnSync('ps', ['-eww', '-o', 'args='], { encoding: 'utf8' }).stdout;
    const said = [scheduler, worker].map(({ running }) => running.stdout + running.stderr).join();
    for (const name of Object.keys(compose.secrets)) {
      const secret = readFileSync(join(secrets, name), 'utf8');
      expect(`${said}${redis.stdout}`, name).not.toContain(secret);
      expect(shown, name).not.toContain(secret);
    }

    for (const { running, env } of [worker, scheduler]) {
      running.kill('SIGTERM');
      expect(await running.exit).toEqual({ code: 0, signal: null });
      const name = running === worker.running ? 'worker' : 'scheduler';
      expect(exitCode(images[name].healthcheck, env)).toBe(1);
    }
    redis.kill('SIGTERM');
    expect((await redis.exit).code).toBe(0);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
