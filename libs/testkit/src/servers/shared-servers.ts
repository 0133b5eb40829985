import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbeddedDatabase, startTemporary } from '@copyline/embedded';
import type { TestProject } from 'vitest/node';
import { FEWEST_ITERATIONS, openDwsFace } from '../face/dws-face.ts';
import { hasRedis, launchRedis, type RedisFacts } from './redis-process.ts';
import { makeLoginsQuick } from './quick-login.ts';
import type { TestServerFacts } from './test-server.ts';

/** Where Debian's package puts the binaries; the embedded ones are PostgreSQL 18 only. */
const POSTGRES_15 = '/usr/lib/postgresql/15/bin';

const SETTINGS = {
  // Two files at once, each with the sessions of a parallel load, a pool and its own watchers.
  max_connections: '200',
  // Several generated gigabytes must not meet a checkpoint every few seconds.
  max_wal_size: '4GB',
};

/** Where the programs of a version are, as `startTemporary` wants to be told. */
export function binDirectoryOf(major: 15 | 18): { readonly binDirectory?: string } {
  return major === 15 ? { binDirectory: POSTGRES_15 } : {};
}

type Running = Pick<EmbeddedDatabase, 'close'>;

/**
 * Vitest's global set-up: starts each server once per run and hands the addresses to the test
 * files. The returned function stops the servers after the last file.
 */
export default async function startSharedServers(
  project: TestProject,
): Promise<() => Promise<void>> {
  const running: Running[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(running.splice(0).map((server) => server.close()));
  };
  try {
    const servers = [await start18(running)];
    const fifteen = await start15(running);
    if (fifteen) servers.push(fifteen);
    project.provide('copylineServers', servers);
    project.provide('copylineRedis', await startRedis(running));
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start18(running: Running[]): Promise<TestServerFacts> {
  const server = await startTemporary({ settings: SETTINGS });
  running.push(server);
  await makeLoginsQuick(server);
  const role = { password: server.password, iterations: FEWEST_ITERATIONS };
  const face = await openDwsFace(server, { roles: { [server.user]: role } });
  running.push(face);
  return { ...factsOf(server, 18), facePort: face.port };
}

async function start15(running: Running[]): Promise<TestServerFacts | undefined> {
  if (!existsSync(join(POSTGRES_15, 'postgres'))) {
    skip(
      'PostgreSQL 15',
      `PostgreSQL 15 has no binaries in ${POSTGRES_15} (apt-get install postgresql-15)`,
    );
    return undefined;
  }
  const server = await startTemporary({ ...binDirectoryOf(15), settings: SETTINGS });
  running.push(server);
  await makeLoginsQuick(server);
  return factsOf(server, 15);
}

async function startRedis(running: Running[]): Promise<RedisFacts | null> {
  if (!hasRedis()) {
    skip('Redis', 'redis-server is not on the PATH (apt-get install redis-server)');
    return null;
  }
  const server = await launchRedis();
  running.push(server);
  return { host: server.host, port: server.port, password: server.password };
}

/** A build machine that silently tests one server less is worse than one that stops. */
function skip(what: string, reason: string): void {
  if (process.env['CI']) throw new Error(reason);
  console.warn(`Tests on ${what} are skipped: ${reason}`);
}

function factsOf(server: EmbeddedDatabase, major: 15 | 18): TestServerFacts {
  const { host, port, user, password, database, dataDirectory } = server;
  // Beside its data: removed with the server.
  return { major, host, port, user, password, database, template: `${dataDirectory}-template` };
}
