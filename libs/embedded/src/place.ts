/** Where the files of a home's database lie, and whom they belong to. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { CopylineError } from '@copyline/contracts';
import { accountFor, canHold } from './account.ts';
import type { Account } from './child-process.ts';
import type { Owner } from './private-file.ts';
import { fileFailure, startFailure } from './start-failure.ts';

export interface Place {
  /** Holds everything below. Normally the home itself. */
  readonly directory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** 0600: port, login and the token of the control endpoint. There while the server runs. */
  readonly stateFile: string;
  /** Whom PostgreSQL runs as; undefined: as ourselves. */
  readonly account: Account | undefined;
  /** Whom the files beside the data belong to; undefined: to ourselves. */
  readonly owner: Owner | undefined;
}

/** Root's databases whose home PostgreSQL cannot get to. Root-owned, passable, not listable. */
const ROOT_DATABASES = '/var/lib/copyline/databases';
/** Left in such a home. Found again by it, also when the home has been moved. */
const POINTER_FILE = 'data-directory.txt';

/** Creates the home if need be. @throws {CopylineError} EMBEDDED_START_FAILED */
export async function findPlace(home: string): Promise<Place> {
  try {
    // The owner of a database that is there already goes before everything else.
    const account = accountFor(path.join(home, 'data'));
    makeHome(home, account);
    const real = realpathSync(home);
    if (account === undefined) return placeAt(real, undefined);
    refuseLinkedData(real);
    const directory = await directoryForRoot(real, account);
    return placeAt(directory, accountFor(path.join(directory, 'data')));
  } catch (error) {
    if (error instanceof CopylineError) throw error;
    throw fileFailure(`The embedded database cannot use ${path.resolve(home)}`, error);
  }
}

/** The place of a directory that `findPlace` has decided on. */
export function placeAt(directory: string, account: Account | undefined): Place {
  const { uid, gid } = statSync(directory);
  return {
    directory,
    dataDirectory: path.join(directory, 'data'),
    logFile: path.join(directory, 'postgres.log'),
    stateFile: path.join(directory, 'server.json'),
    account,
    owner: account === undefined || uid === 0 ? undefined : { uid, gid },
  };
}

function makeHome(home: string, account: Account | undefined): void {
  if (existsSync(home)) return;
  // Root's home must let the server's account through to its data; nobody needs to list it.
  const first = mkdirSync(home, { recursive: true, mode: account === undefined ? 0o700 : 0o711 });
  if (account !== undefined) {
    chmodSync(home, 0o711);
    if (first !== undefined) giveToOwnerAbove(first, home);
  }
  // Passwords and data of a working directory have no business in its repository.
  writeFileSync(path.join(home, '.gitignore'), '*\n');
}

/** What root makes in somebody's directory belongs to that somebody. */
function giveToOwnerAbove(first: string, last: string): void {
  const { uid, gid } = statSync(path.dirname(path.resolve(first)));
  for (let each = path.resolve(last); ; each = path.dirname(each)) {
    chownSync(each, uid, gid);
    if (each === path.resolve(first)) return;
  }
}

/** Root writes into the data directory; somebody else's link must not choose where that is. */
function refuseLinkedData(home: string): void {
  const data = path.join(home, 'data');
  if (lstatSync(data, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  throw startFailure(`Root does not follow the link ${data}`, 'The data directory is a link.');
}

async function directoryForRoot(home: string, account: Account): Promise<string> {
  if (existsSync(path.join(home, 'data'))) return home;
  const pointed = readPointer(home);
  if (pointed !== undefined) return pointed;
  if (await canHold(home, account)) return home;
  const name = createHash('sha256').update(home).digest('hex').slice(0, 32);
  const directory = path.join(ROOT_DATABASES, name);
  mkdirSync(directory, { recursive: true });
  for (const each of [path.dirname(ROOT_DATABASES), ROOT_DATABASES]) chmodSync(each, 0o755);
  chmodSync(directory, 0o711);
  if (!(await canHold(directory, account))) {
    throw startFailure(
      `PostgreSQL runs as account “${account.name}” because it must not run as root`,
      `Permission denied: “${account.name}” can keep files neither in ${home} nor in ${directory}`,
    );
  }
  writePointer(home, directory, account);
  return directory;
}

/** Only what root wrote, and only to where root would: a home may be writable by others. */
function readPointer(home: string): string | undefined {
  const file = path.join(home, POINTER_FILE);
  if (!existsSync(file) || lstatSync(file).uid !== 0) return undefined;
  const directory = (readFileSync(file, 'utf8').split('\n')[0] ?? '').trim();
  const ours = path.dirname(directory) === ROOT_DATABASES && existsSync(directory);
  return ours ? directory : undefined;
}

function writePointer(home: string, directory: string, account: Account): void {
  const text = [
    directory,
    '',
    'The embedded database of this directory lies there: the command was run by root,',
    `PostgreSQL must not run as root, and account “${account.name}” cannot get in here.`,
    'Remove both directories to remove the database.',
    '',
  ];
  writeFileSync(path.join(home, POINTER_FILE), text.join('\n'), { flag: 'wx' });
}
