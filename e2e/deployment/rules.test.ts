import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { isProgram, PROGRAMS, readCompose, readDockerfile, ROOT } from './files.ts';
import { isNoSecret, makeSecrets, temporaryFolder } from './secrets.ts';

/**
 * What can be known of the containers without a container engine: that the files keep to their rules
 * and fit together.
 */
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

function readManifest(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}
