import { connectionNamed, resolveSource, type Settings } from '@copyline/config';
import { CopylineError, type LoadRequest } from '@copyline/contracts';
import { parseSpec } from '@copyline/copy';

import { RequestError } from '../http/problem.ts';

/**
 * Refuses what could never be loaded, before it is written down: names that are not configured, a file
 * that is not below its root, dialects that are none. Nothing of the file is read.
 *
 * @param options.mayBeMissing of a schedule, whose file is yet to come
 * @throws CopylineError with the field named
 */
export async function checkLoad(
  load: LoadRequest,
  settings: Settings,
  options: { readonly at: string; readonly mayBeMissing: boolean },
): Promise<void> {
  const { source, connection, ...rest } = load;
  await inField(`${options.at}connection`, () => connectionNamed(connection, settings));
  await inField(`${options.at}source`, async () => {
    try {
      await resolveSource(source, settings);
    } catch (error) {
      if (!isFor(error, options.mayBeMissing)) throw error;
    }
  });
  // The path stands for any: it is the rest that is looked at.
  await inField(`${options.at}dialect`, () => parseSpec({ ...rest, source: { path: source } }));
}

/** What a worker has to find out: it may see other folders, and other times. */
function isFor(error: unknown, mayBeMissing: boolean): boolean {
  if (!(error instanceof CopylineError)) return false;
  return error.code === 'SOURCE_NOT_VISIBLE' || (mayBeMissing && error.code === 'SOURCE_NOT_FOUND');
}

async function inField(field: string, check: () => unknown): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof CopylineError)) throw error;
    const { expected } = error.place;
    const message = expected === undefined ? error.message : `${error.message}; ${expected}`;
    const code = error.code === 'CONFIG_INVALID' ? 'REQUEST_INVALID' : error.code;
    throw new RequestError(code, [{ field, message }]);
  }
}
