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
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

/**
 * What can be known of the containers without a container engine: that the files keep to their rules
 * and fit together, and that the commands in them do what they should as plain processes.
 */
const ROOT = new URL('..', import.meta.url).pathname;
const PROGRAMS = ['scheduler', 'worker'] as const;
type Program = (typeof PROGRAMS)[number];

const compose = readCompose();
const images = readDockerfile();
const services = Object.entries(compose.services);

describe('docker-compose.yml', () => {
  it('has the four services', () => {
    expect(Object.keys(compose.services)).toEqual(['postgres', 'redis', ...PROGRAMS]);
  });

  it.each(services)('gives %s no rights that it does not need', (_, service) => {
    expect(service).toMatchObject({
      restart: 'unless-stopped',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    for (const key of ['privileged', 'cap_add', 'network_mode', 'pid', 'ipc', 'devices']) {
      expect(service, key).not.toHaveProperty(key);
    }
    const { limits } = service.deploy.resources;
    expect(Object.keys(limits).sort()).toEqual(['cpus', 'memory', 'pids']);
  });

  it.each(services)('knows whether %s is healthy, and stops it with time to spare', (name, it_) => {
    if (isProgram(name)) expect(images[name].healthcheck).not.toEqual([]);
    else expect(it_.healthcheck?.test.length).toBeGreaterThan(1);
    expect(it_.stop_grace_period).toMatch(/^\d+s$/);
  });

  it('gives a worker longer to stop than its loads may take', () => {
    const { environment = {}, stop_grace_period: stop } = compose.services.worker;
    const graceSeconds = Number(environment['COPYLINE_WORKER_GRACE_SECONDS']);
    // After the grace 15 s for the rollback, as apps/worker has it.
    expect(graceSeconds).toBeGreaterThan(0);
    expect(parseInt(stop, 10)).toBeGreaterThanOrEqual(graceSeconds + 15 + 5);
  });

  it('starts the programs when PostgreSQL and Redis are healthy', () => {
    for (const name of PROGRAMS) {
      expect(compose.services[name].depends_on).toEqual({
        postgres: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      });
    }
  });

  it('can have any number of workers', () => {
    const { worker } = compose.services;
    expect(worker).not.toHaveProperty('container_name');
    expect(worker).not.toHaveProperty('ports');
  });

  it('opens one port, to this machine only, and none of the stores’', () => {
    expect(services.flatMap(([, { ports = [] }]) => ports)).toEqual(['127.0.0.1:7420:7420']);
    expect(compose.services.scheduler.ports).toHaveLength(1);
    expect(compose.networks['stores']).toEqual({ internal: true });
    for (const name of ['postgres', 'redis'] as const) {
      expect(compose.services[name].networks).toEqual(['stores']);
    }
  });

  it('mounts the inbox for reading, at the same place in both programs', () => {
    for (const name of PROGRAMS) {
      expect(compose.services[name].volumes).toContainEqual({
        type: 'bind',
        source: './deploy/inbox',
        target: '/inbox',
        read_only: true,
        bind: { create_host_path: false },
      });
    }
    const configured = readFileSync(join(ROOT, 'deploy/copyline.yaml'), 'utf8');
    expect(configured).toMatch(/^ {2}inbox: \/inbox$/m);
  });

  it('pins its images, and takes those of Copyline from nowhere else', () => {
    const { version } = readManifest('package.json') as { version: string };
    for (const [name, { image, build, pull_policy: pull }] of services) {
      expect(image).toMatch(/^[a-z-]+:\d[\w.-]*$/);
      if (!isProgram(name)) continue;
      expect(image).toBe(`copyline-${name}:${version}`);
      expect(pull).toBe('build');
      expect(build).toEqual({
        context: '.',
        dockerfile: 'deploy/Dockerfile',
        target: name,
        args: { VERSION: version },
      });
    }
    expect(compose.services.postgres.image).toMatch(/^postgres:18/);
    expect(compose.services.redis.image).toMatch(/^redis:7/);
  });

  it('has a Redis that keeps every job', () => {
    const { command = [] } = compose.services.redis;
    const settings = command.slice(command.indexOf('redis-server')).join(' ');
    expect(settings).toContain('--appendonly yes');
    expect(settings).toContain('--maxmemory-policy noeviction');
  });

  it('keeps what must be kept in named volumes', () => {
    expect(Object.keys(compose.volumes)).toEqual(['postgres', 'redis', 'scheduler']);
    expect(compose.services.postgres.volumes).toEqual(['postgres:/var/lib/postgresql']);
    expect(compose.services.redis.volumes).toEqual(['redis:/data']);
    expect(compose.services.scheduler.volumes).toContain('scheduler:/var/lib/copyline');
    expect(images.scheduler.env['COPYLINE_HOME']).toBe('/var/lib/copyline');
  });

  it('holds no secret: they are files, each for those who need it', () => {
    const needs = Object.fromEntries(services.map(([name, { secrets }]) => [name, secrets]));
    expect(needs).toEqual({
      postgres: ['postgres_password', 'copyline_password'],
      redis: ['redis_password'],
      scheduler: ['copyline_password', 'redis_password'],
      worker: ['copyline_password', 'redis_password'],
    });
    for (const [name, { file }] of Object.entries(compose.secrets)) {
      expect(file).toBe(`deploy/secrets/${name}`);
    }
    for (const [name, { environment = {} }] of services) {
      for (const [key, value] of Object.entries(environment)) {
        if (/password|token|secret/i.test(key)) expect(value, name).toMatch(/^\/run\/secrets\//);
      }
    }
    for (const file of ['docker-compose.yml', 'deploy/copyline.yaml', 'deploy/Dockerfile']) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      expect(text, file).not.toMatch(/password\s*[=:]\s*(?!\$\{file:)['"]?\w|requirepass/i);
    }
  });

  it('names only files, secrets, configurations and networks that are there', () => {
    for (const { file } of Object.values(compose.configs)) {
      expect(statSync(join(ROOT, file)).isFile(), file).toBe(true);
    }
    expect(existsSync(join(ROOT, 'deploy/inbox'))).toBe(true);
    for (const [, { secrets, configs = [], networks }] of services) {
      for (const name of secrets) expect(compose.secrets).toHaveProperty(name);
      for (const { source } of configs) expect(compose.configs).toHaveProperty(source);
      for (const name of networks) expect(compose.networks).toHaveProperty(name);
    }
  });

  const client = spawnSync('docker', ['compose', 'version']);
  it.skipIf(client.status !== 0)(
    'is accepted by docker compose (skipped without that client)',
    () => {
      const config = spawnSync('docker', ['compose', 'config', '--quiet'], { cwd: ROOT });
      expect(config.status, String(config.stderr)).toBe(0);
    },
  );
});

describe('deploy/Dockerfile', () => {
  const text = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8');

  it('stands on one image, pinned, of the Node that the project is built with', () => {
    const bases = images.instructions
      .filter(([name, rest]) => name === 'FROM' && rest.includes(':'))
      .map(([, rest]) => rest.split(' ')[0]);
    const major = readFileSync(join(ROOT, '.node-version'), 'utf8').trim().split('.')[0];
    expect(new Set(bases)).toEqual(new Set([`node:${String(major)}-bookworm-slim`]));
  });

  it.each(PROGRAMS)('ends %s as a program that is nobody special', (name) => {
    const { user, labels, cmd, env } = images[name];
    expect(user).toBe('1000:1000');
    expect(user).toBe(compose.services[name].user);
    for (const label of ['title', 'description', 'version', 'licenses', 'vendor', 'base.name']) {
      expect(labels).toContain(`org.opencontainers.image.${label}=`);
    }
    expect(cmd).toEqual(['node', `/app/apps/${name}/bin/copyline-${name}.js`]);
    expect(Object.values(env)).toContain('0.0.0.0');
  });

  it('copies only what is there and not kept out by .dockerignore', () => {
    const kept = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    for (const name of kept) expect(existsSync(join(ROOT, name)), name).toBe(true);
    const copied = images.instructions
      .filter(([name, rest]) => name === 'COPY' && !rest.startsWith('--from'))
      .flatMap(([, rest]) => rest.split(/\s+/).slice(0, -1))
      .filter((name) => name !== '.');
    expect(copied).toContain('deploy/healthcheck.js');
    for (const name of copied) expect(kept).toContain(name);
    expect(kept.filter((name) => /secret|inbox|^deploy$/.test(name))).toEqual([]);
    expect(text).toContain('/built/deploy/assemble.sh');
  });
});

describe('deploy/make-secrets.sh', () => {
  it('makes what docker-compose.yml asks for, once, for nobody else on the machine', async () => {
    const folder = await temporaryFolder();
    await cp(join(ROOT, 'deploy'), folder, { recursive: true, filter: isNoSecret });
    await makeSecrets(folder);
    const names = readdirSync(join(folder, 'secrets')).filter((name) => name !== '.gitignore');
    expect(names.sort()).toEqual(Object.keys(compose.secrets).sort());
    expect((await stat(join(folder, 'secrets'))).mode & 0o777).toBe(0o700);

    const read = (): string[] =>
      names.map((name) => readFileSync(join(folder, 'secrets', name), 'utf8'));
    const first = read();
    for (const secret of first) expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(first).size).toBe(names.length);

    await rm(join(folder, 'secrets', 'redis_password'));
    await makeSecrets(folder);
    const second = read();
    const changed = names.filter((_, index) => first[index] !== second[index]);
    expect(changed).toEqual(['redis_password']);
  });

  it('makes nothing that git would take', () => {
    const ignored = spawnSync(
      'git',
      ['check-ignore', ...Object.values(compose.secrets).map(({ file }) => file)],
      { cwd: ROOT, encoding: 'utf8' },
    );
    expect(ignored.stdout.trim().split('\n')).toHaveLength(Object.keys(compose.secrets).length);
  });
});

const hasPsql = spawnSync('psql', ['--version']).status === 0;

/** The names of the containers and their paths become those of this machine; all else is as it is. */
describe.skipIf(redisServer() === undefined || !hasPsql)('its commands, as processes', () => {
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

type Environment = Readonly<Record<string, string>>;

interface ComposeService {
  readonly image: string;
  readonly build?: unknown;
  readonly pull_policy?: string;
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: unknown;
  readonly stop_grace_period: string;
  readonly ports?: readonly string[];
  readonly volumes: readonly unknown[];
  readonly networks: readonly string[];
  readonly secrets: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly deploy: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } };
}

interface Compose {
  readonly services: Readonly<Record<Program | 'postgres' | 'redis', ComposeService>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** With its anchors and its variables replaced, these by their defaults. */
function readCompose(): Compose {
  // Not the copy at the root, which is an older one of somebody else.
  const { parse } = createRequire(join(ROOT, 'libs/config/package.json'))('yaml') as {
    parse: (text: string, options: { merge: boolean }) => unknown;
  };
  const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
  const filled = text.replace(/(?<!\$)\$\{\w+:-([^}]*)\}/g, '$1');
  return parse(filled, { merge: true }) as Compose;
}

/** What the image of a program says, stages and all. */
interface ImageFacts {
  readonly user: string;
  readonly labels: string;
  readonly env: Environment;
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
}

type Instruction = readonly [name: string, rest: string];

function readDockerfile(): Record<Program, ImageFacts> & { instructions: readonly Instruction[] } {
  const text = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8');
  const instructions = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Instruction => {
      const [name = '', ...rest] = line.split(' ');
      return [name, rest.join(' ').trim()];
    });
  const factsOf = (program: Program): ImageFacts => {
    const stages = [stageOf(instructions, 'runtime'), stageOf(instructions, program)].flat();
    const all = (wanted: string): string[] =>
      stages.flatMap(([name, rest]) => (name === wanted ? [rest] : []));
    const last = (wanted: string): string => all(wanted).at(-1) ?? '[]';
    const check = last('HEALTHCHECK');
    return {
      user: last('USER'),
      labels: all('LABEL').join(' '),
      env: Object.fromEntries(
        all('ENV').flatMap((rest) => rest.split(' ').map((pair) => pair.split('=', 2))),
      ) as Environment,
      cmd: JSON.parse(last('CMD')) as string[],
      healthcheck: JSON.parse(check.slice(check.indexOf('['))) as string[],
    };
  };
  return { scheduler: factsOf('scheduler'), worker: factsOf('worker'), instructions };
}

function stageOf(instructions: readonly Instruction[], stage: string): readonly Instruction[] {
  const isFrom = ([name]: Instruction): boolean => name === 'FROM';
  const first = instructions.findIndex(
    (each) => isFrom(each) && each[1].toLowerCase().endsWith(` as ${stage}`),
  );
  const after = instructions.findIndex((each, index) => index > first && isFrom(each));
  return instructions.slice(first + 1, after === -1 ? undefined : after);
}

function isProgram(name: string): name is Program {
  return (PROGRAMS as readonly string[]).includes(name);
}

function readManifest(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

/** Whoever has made passwords here keeps them. */
function isNoSecret(path: string): boolean {
  return !/deploy\/(secrets|inbox)\/(?!\.gitignore$)/.test(path);
}

async function makeSecrets(folder: string): Promise<void> {
  const script = runProcess('sh', [join(folder, 'make-secrets.sh')]);
  expect((await script.exit).code, script.stderr).toBe(0);
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'copyline-deployment-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
