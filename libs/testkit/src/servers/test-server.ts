import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { expect, inject } from 'vitest';

/** What the global set-up hands to the test files; plain data, because it crosses processes. */
export interface TestServerFacts {
  /** The PostgreSQL's, also behind a face. */
  readonly major: 15 | 18;
  /** Port of the face of a GaussDB(DWS) before this server; see `faces`. */
  readonly facePort?: number;
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
  /** Whether it looks like a GaussDB(DWS). */
  readonly isFace: boolean;
  /** `postgresql://` with the password, of one database. */
  url(database?: string): string;
  /** The same for the PostgreSQL itself, to which the kit's own sessions go. */
  directUrl(database?: string): string;
  /** The same, as what a face is put before. */
  readonly behind: TestServerFacts;
  /** A conninfo that may be printed: for failures, and for tests that bring the password apart. */
  readonly conninfoWithoutPassword: string;
}

/**
 * Every server this machine can run. PostgreSQL 18 is always there; PostgreSQL 15 is missing where
 * Debian's packages are not installed (the run says so, and fails for it when `CI` is set).
 */
export function testServers(): TestServer[] {
  return process.env['COPYLINE_FACE'] === '1' ? testServersAndFace() : postgresServers();
}

/**
 * The servers that a core set of suites runs on every time: all real ones, and a PostgreSQL 18 that looks
 * like a GaussDB(DWS). With `COPYLINE_FACE=1` every suite of `testServers` does.
 */
export function testServersAndFace(): TestServer[] {
  return [...postgresServers(), ...faces(inject('copylineServers'))];
}

/**
 * The real ones, for tests that are about PostgreSQL: its catalogues, its clusters, what stands behind a
 * face.
 */
export function postgresServers(): TestServer[] {
  return inject('copylineServers').map((facts) => asTestServer(facts));
}

/** The face of a GaussDB(DWS), before PostgreSQL 18. */
export function dwsFace(): TestServer {
  const [face] = faces(inject('copylineServers'));
  if (!face) throw new Error('The face was not started by the global set-up');
  return face;
}

function faces(servers: readonly TestServerFacts[]): TestServer[] {
  return servers.flatMap((facts) =>
    facts.facePort === undefined ? [] : [asTestServer(facts, facts.facePort)],
  );
}

/**
 * For tests that no server's version can change, because the driver or the loader decides: one server,
 * half of the files on the one, half on the other. In the soak, all of them.
 */
export function anyServer(): TestServer[] {
  const servers = testServers();
  if (process.env['COPYLINE_SOAK'] === '1' || process.env['COPYLINE_FACE'] === '1') return servers;
  const file = basename(expect.getState().testPath ?? '');
  const turn = createHash('md5').update(file).digest().readUInt8() % servers.length;
  return servers.slice(turn, turn + 1);
}

/** The same of the real ones alone: see `postgresServers`. */
export function anyPostgres(): TestServer[] {
  return anyServer().filter(({ isFace }) => !isFace);
}

/** The server for tests that need only one. */
export function postgres18(): TestServer {
  const server = postgresServers().find(({ major }) => major === 18);
  if (!server) throw new Error('PostgreSQL 18 was not started by the global set-up');
  return server;
}

function asTestServer(facts: TestServerFacts, facePort?: number): TestServer {
  const { major, host, user, password } = facts;
  const port = facePort ?? facts.port;
  const urlAt = (at: number, database: string): string =>
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}` +
    `@${host}:${at}/${encodeURIComponent(database)}`;
  return {
    ...facts,
    port,
    name: facePort === undefined ? `PostgreSQL ${major}` : 'the face of GaussDB(DWS)',
    isFace: facePort !== undefined,
    behind: facts,
    url: (database = facts.database) => urlAt(port, database),
    directUrl: (database = facts.database) => urlAt(facts.port, database),
    conninfoWithoutPassword: `host=${host} port=${port} user=${user} dbname=${facts.database}`,
  };
}
