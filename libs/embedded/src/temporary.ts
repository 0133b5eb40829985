/** A server for tests: its own files, gone with it. */
import {
  chownSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accountFor, canHold } from './account.ts';
import { findInstalled, findPackaged } from './binaries.ts';
import type { Account } from './child-process.ts';
import { copyCluster, createCluster, readCredentials } from './cluster.ts';
import type { EmbeddedDatabase } from './embedded-database.ts';
import { livenessOf, ownIdentity, parseIdentity } from './process-identity.ts';
import { HOST, startServer, stopLeftover } from './server.ts';
import type { RunningServer } from './server.ts';
import { formatSettings, TEMPORARY_SETTINGS } from './settings.ts';
import { fileFailure, startFailure } from './start-failure.ts';

export interface TemporaryOptions {
  /** Directory of `postgres` and `initdb`. Default: the packaged PostgreSQL. */
  readonly binDirectory?: string;
  /** Settings of postgresql.conf, over those of `TEMPORARY_SETTINGS`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default `copyline`. */
  readonly database?: string;
  /**
   * Directory of a new cluster to copy instead of making one, which takes a second: made there when it is
   * not there yet. For one `binDirectory` and one `database`; whoever names it removes it.
   */
  readonly template?: string;
}

const PREFIX = 'copyline-postgres-';
const OWNER_FILE = 'owner.json';
/** Without a readable owner a directory is either this moment's or nobody's; an hour tells. */
const UNOWNED_AFTER_MS = 3_600_000;
/** A neighbour container's or an earlier boot's process cannot be asked; no test runs for a day. */
const ELSEWHERE_AFTER_MS = 86_400_000;

/**
 * Starts a server with a data directory of its own, below the system's temporary directory. It
 * stops and is removed by `close()`; when this process is killed it stops by itself, and the next
 * start removes what is left. Fast rather than durable.
 *
 * @throws {CopylineError} EMBEDDED_UNAVAILABLE, EMBEDDED_START_FAILED; CONFIG_INVALID for a bad
 * database name or setting.
 */
export async function startTemporary(options: TemporaryOptions = {}): Promise<EmbeddedDatabase> {
  const account = accountFor(tmpdir());
  const directory = await makeDirectory(account);
  try {
    const server = await start(directory, account, options);
    server.unref();
    return opened(directory, server);
  } catch (error) {
    await remove(directory);
    throw error;
  }
}

async function start(
  directory: string,
  account: Account | undefined,
  { binDirectory, settings, database = 'copyline', template }: TemporaryOptions,
): Promise<RunningServer> {
  const merged = { ...TEMPORARY_SETTINGS, ...settings };
  formatSettings(merged); // a bad name is refused before initdb takes its second
  const binaries =
    binDirectory === undefined
      ? await findPackaged(account)
      : await findInstalled(binDirectory, account);
  const { dataDirectory, logFile } = filesOf(directory);
  const cluster = { binaries, account, dataDirectory, database, durable: false };
  if (template === undefined) await createCluster(cluster);
  else await copyCluster(cluster, template);
  const where = { binaries, account, dataDirectory, logFile, logIsKept: false };
  return startServer({ ...where, settings: merged });
}

function opened(directory: string, server: RunningServer): EmbeddedDatabase {
  const files = filesOf(directory);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= server.stop().then(() => remove(directory)));
  return {
    host: HOST,
    port: server.port,
    ...readCredentials(files.dataDirectory),
    ...files,
    started: true,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function filesOf(directory: string): { dataDirectory: string; logFile: string } {
  return {
    dataDirectory: path.join(directory, 'data'),
    logFile: path.join(directory, 'postgres.log'),
  };
}

async function makeDirectory(account: Account | undefined): Promise<string> {
  const base = await findBase(account);
  await sweep(base);
  try {
    const directory = mkdtempSync(path.join(base, PREFIX));
    writeFileSync(path.join(directory, OWNER_FILE), JSON.stringify(ownIdentity()));
    if (account !== undefined) chownSync(directory, account.uid, account.gid);
    return directory;
  } catch (error) {
    throw fileFailure(`No directory for a temporary database below ${base}`, error);
  }
}

/** Root's TMPDIR may be closed to the account that PostgreSQL runs as. */
async function findBase(account: Account | undefined): Promise<string> {
  if (account === undefined) return tmpdir();
  const candidates = [tmpdir(), '/tmp', '/var/tmp'];
  for (const each of candidates) if (await canHold(each, account)) return each;
  const said = `Permission denied: account “${account.name}” in ${candidates.join(', ')}`;
  throw startFailure('No directory for a temporary database', said);
}

/** Removes the directories of dead owners; never one whose owner lives or cannot be judged. */
async function sweep(base: string): Promise<void> {
  for (const name of readdirSync(base).filter((each) => each.startsWith(PREFIX))) {
    const directory = path.join(base, name);
    try {
      if (!isAbandoned(directory)) continue;
      await stopLeftover(filesOf(directory).dataDirectory);
      await remove(directory);
    } catch {
      // Another user's, or being removed by another start: not ours to worry about.
    }
  }
}

function isAbandoned(directory: string): boolean {
  const ageMs = Date.now() - statSync(directory).mtimeMs;
  const owner = readOwner(directory);
  if (owner === undefined) return ageMs > UNOWNED_AFTER_MS;
  const liveness = livenessOf(owner);
  return liveness === 'gone' || (liveness === 'elsewhere' && ageMs > ELSEWHERE_AFTER_MS);
}

function readOwner(directory: string): ReturnType<typeof parseIdentity> {
  try {
    return parseIdentity(JSON.parse(readFileSync(path.join(directory, OWNER_FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

function remove(directory: string): Promise<void> {
  // PostgreSQL's last child may still be writing its farewell when the sweep comes.
  return rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
