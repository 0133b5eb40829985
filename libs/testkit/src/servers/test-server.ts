import { inject } from 'vitest';

/** What the global set-up hands to the test files; plain data, because it crosses processes. */
export interface TestServerFacts {
  readonly major: 15 | 18;
  readonly host: string;
  readonly port: number;
  /** A superuser. */
  readonly user: string;
  readonly password: string;
  /** An existing database to connect to first. Tests make their own and leave this one alone. */
  readonly database: string;
  /** Where a new cluster of its version is, for servers of single tests: see `startTemporary`. */
  readonly template: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    copylineServers: readonly TestServerFacts[];
  }
}

/** One running server, shared by every test file of a run. */
export interface TestServer extends TestServerFacts {
  /** "PostgreSQL 18"; made for `describe.each(testServers())('… on $name', …)`. */
  readonly name: string;
  /** `postgresql://` with the password, of one database. */
  url(database?: string): string;
  /** A conninfo that may be printed: for failures, and for tests that bring the password apart. */
  readonly conninfoWithoutPassword: string;
}

/**
 * Every server this machine can run. PostgreSQL 18 is always there; PostgreSQL 15 is missing where
 * Debian's packages are not installed (the run says so, and fails for it when `CI` is set).
 */
export function testServers(): TestServer[] {
  return inject('copylineServers').map(asTestServer);
}

/**
 * For tests of what is decided before a server hears of it: which one it is makes no difference. One of them,
 * and every one in the soak.
 */
export function anyServer(): TestServer[] {
  return process.env['COPYLINE_SOAK'] === '1' ? testServers() : [postgres18()];
}

/** The server for tests that need only one. */
export function postgres18(): TestServer {
  const server = testServers().find(({ major }) => major === 18);
  if (!server) throw new Error('PostgreSQL 18 was not started by the global set-up');
  return server;
}

function asTestServer(facts: TestServerFacts): TestServer {
  const { major, host, port, user, password } = facts;
  return {
    ...facts,
    name: `PostgreSQL ${major}`,
    url: (database = facts.database) =>
      `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}` +
      `@${host}:${port}/${encodeURIComponent(database)}`,
    conninfoWithoutPassword: `host=${host} port=${port} user=${user} dbname=${facts.database}`,
  };
}
