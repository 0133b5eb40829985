import { CopylineError, type LoadSpec } from '@copyline/contracts';
import { access, stat } from 'node:fs/promises';

/** How programs call what they have not finished writing: browsers, rsync, FTP clients, editors. */
const TEMPORARY =
  /(?:\.(?:part|partial|tmp|temp|filepart|crdownload|download|opdownload|aria2|swp|lock)|~)$|(?:^|[/\\])~\$[^/\\]+$/i;

/** What tells that a file is complete. */
export type Readiness = Pick<LoadSpec, 'settleMs' | 'doneMarker'>;

/**
 * Why a file may not be complete; `undefined` when nothing speaks against it. A clock that is behind that
 * of the file's machine makes a file younger, never older, than it is.
 */
export async function incompleteness(
  path: string,
  { settleMs, doneMarker }: Readiness,
): Promise<string | undefined> {
  if (TEMPORARY.test(path)) return 'its name is that of a file which is still being written';
  if (doneMarker !== undefined && !(await exists(`${path}${doneMarker}`))) {
    return `there is no ${doneMarker} file beside it`;
  }
  if (settleMs === 0) return undefined;
  // Whether it is there at all is told by who opens it.
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || Date.now() - found.mtimeMs >= settleMs) return undefined;
  return `it was written less than ${String(settleMs / 1000)} seconds ago`;
}

/** @throws CopylineError `SOURCE_INCOMPLETE` */
export async function assertComplete(
  { path, name = path }: LoadSpec['source'],
  readiness: Readiness,
): Promise<void> {
  const reason = await incompleteness(path, readiness);
  if (reason === undefined) return;
  throw new CopylineError('SOURCE_INCOMPLETE', `The source may not be complete: ${reason}`, {
    source: name,
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
