/** A database cluster on disk: made once, as a whole or not at all. */
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CopylineError } from '@copyline/contracts';
import type { Binaries } from './binaries.ts';
import { runTool } from './child-process.ts';
import type { Account, ToolResult } from './child-process.ts';
import { openToAppend, writePrivateFile } from './private-file.ts';
import { fileFailure, startFailure } from './start-failure.ts';

/** How to log in. Kept inside the cluster, because it is true for this cluster only. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface ClusterSpec {
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly dataDirectory: string;
  readonly database: string;
  /** Whether the files must survive a power cut from now on. */
  readonly durable: boolean;
  readonly signal?: AbortSignal | undefined;
}

const SUPERUSER = 'copyline';
const CREDENTIALS_FILE = 'copyline.json';
/** Rewritten at every start, so that a new Copyline brings its settings to an old cluster. */
export const SETTINGS_FILE = 'copyline.conf';
/** 192 bits: nobody guesses it, and base64url needs no quoting in any conninfo. */
const PASSWORD_BYTES = 24;
/** PostgreSQL 17 brought a locale that sorts and folds the same on every system. */
const FIRST_MAJOR_WITH_BUILTIN_LOCALE = 17;

/**
 * Makes the cluster under a temporary name beside its place and renames it when it is complete, so
 * that a killed initdb never leaves a half one. Leftovers of earlier attempts are removed; the
 * caller sees to it that there is no other attempt at the same time.
 *
 * @throws {CopylineError} EMBEDDED_START_FAILED, with initdb's own words.
 */
export async function createCluster(spec: ClusterSpec): Promise<void> {
  assertDatabaseName(spec.database);
  const { dataDirectory } = spec;
  await removeLeftovers(dataDirectory);
  const temporary = `${dataDirectory}.new-${randomBytes(6).toString('hex')}`;
  const passwordFile = `${temporary}.password`;
  const credentials = {
    user: SUPERUSER,
    password: randomBytes(PASSWORD_BYTES).toString('base64url'),
    database: spec.database,
  };
  try {
    makePrivateDirectory(temporary, spec.account);
    writePrivateFile(passwordFile, `${credentials.password}\n`, spec.account);
    await initialise(spec, temporary, passwordFile);
    await createDatabase(spec, temporary);
    includeSettings(path.join(temporary, 'postgresql.conf'));
    const file = path.join(temporary, CREDENTIALS_FILE);
    writePrivateFile(file, `${JSON.stringify(credentials)}\n`, spec.account);
    if (spec.durable) await syncTree(spec, temporary);
    await rename(temporary, dataDirectory);
    if (spec.durable) await syncDirectory(path.dirname(dataDirectory));
  } catch (error) {
    if (error instanceof CopylineError) throw error;
    throw fileFailure(`The database cannot be created in ${dataDirectory}`, error);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Makes a cluster as a copy of one that never ran, which is made first when it is not there yet. Several
 * may come at once. The copies have the same login.
 *
 * @throws {CopylineError} EMBEDDED_START_FAILED
 */
export async function copyCluster(spec: ClusterSpec, template: string): Promise<void> {
  if (!existsSync(template)) {
    // A name of its own: `createCluster` wants to be alone.
    const own = `${template}-${randomBytes(6).toString('hex')}`;
    await createCluster({ ...spec, dataDirectory: own });
    await rename(own, template).catch(async (error: unknown) => {
      await rm(own, { recursive: true, force: true, maxRetries: 5 });
      if (!existsSync(template)) throw error;
    });
  }
  const args = ['-a', template, spec.dataDirectory];
  const copied = await runTool('cp', args, { account: spec.account, signal: spec.signal });
  if (!copied.ok) throw startFailure('The cluster cannot be copied', copied.output);
}

/** @throws {CopylineError} EMBEDDED_START_FAILED when the cluster is not one of Copyline's. */
export function readCredentials(dataDirectory: string): Credentials {
  const file = path.join(dataDirectory, CREDENTIALS_FILE);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Credentials;
  } catch (cause) {
    throw fileFailure(`The login of the embedded database cannot be read from ${file}`, cause);
  }
}

function makePrivateDirectory(directory: string, account: Account | undefined): void {
  mkdirSync(directory, { mode: 0o700 });
  if (account !== undefined) chownSync(directory, account.uid, account.gid);
}

async function initialise(
  spec: ClusterSpec,
  directory: string,
  passwordFile: string,
): Promise<void> {
  const args = [
    `--pgdata=${directory}`,
    `--username=${SUPERUSER}`,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    ...localeArguments(spec.binaries),
    '--no-instructions',
    // Synced once, when everything is in: see syncTree.
    '--no-sync',
  ];
  await runStep(spec, 'initdb', args, 'initdb could not create the database');
}

/** Sorting by code point everywhere; upper() and lower() know all of Unicode where the server can. */
function localeArguments({ major }: Binaries): string[] {
  if (major < FIRST_MAJOR_WITH_BUILTIN_LOCALE) return ['--locale=C'];
  return ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
}

/** In single-user mode: no port, no login, and no client library needed. */
async function createDatabase(spec: ClusterSpec, directory: string): Promise<void> {
  const settings = ['exit_on_error=on', 'fsync=off', 'log_checkpoints=off'];
  const args = ['--single', '-D', directory, ...settings.flatMap((each) => ['-c', each])];
  const sql = `CREATE DATABASE "${spec.database.replaceAll('"', '""')}"\n`;
  const what = `PostgreSQL could not create the database “${spec.database}”`;
  await runStep(spec, 'postgres', [...args, 'template1'], what, sql);
}

async function syncTree(spec: ClusterSpec, directory: string): Promise<void> {
  const args = ['--sync-only', `--pgdata=${directory}`];
  await runStep(spec, 'initdb', args, 'initdb could not write the database to disk');
}

async function runStep(
  spec: ClusterSpec,
  program: string,
  args: string[],
  what: string,
  input = '',
): Promise<ToolResult> {
  const { binaries, account, signal } = spec;
  const command = path.join(binaries.directory, program);
  const result = await runTool(command, args, { account, input, signal });
  signal?.throwIfAborted();
  if (result.ok) return result;
  const said = `${result.output}\n${program}: ${result.how}`.trim();
  throw startFailure(`${what} in ${spec.dataDirectory}`, said, { cause: result.cause });
}

function includeSettings(configurationFile: string): void {
  const descriptor = openToAppend(configurationFile);
  writeFileSync(descriptor, `\ninclude '${SETTINGS_FILE}'\n`);
  closeSync(descriptor);
}

/** The rename itself must survive, or the first commits would be lost with their directory. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

async function removeLeftovers(dataDirectory: string): Promise<void> {
  const [directory, prefix] = [path.dirname(dataDirectory), `${path.basename(dataDirectory)}.new-`];
  for (const name of readdirSync(directory).filter((each) => each.startsWith(prefix))) {
    await rm(path.join(directory, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Single-user mode ends a statement at the end of the line; 63 bytes are a name's limit. */
function assertDatabaseName(name: string): void {
  const bytes = Buffer.byteLength(name);
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (bytes >= 1 && bytes <= 63 && !/[\x00-\x1f]/.test(name)) return;
  throw new CopylineError('CONFIG_INVALID', `Not a database name: ${JSON.stringify(name)}.`);
}
