import { connectionNamed, resolveSink, resolveSource, type Settings } from '@copyline/config';
import {
  CopylineError,
  type ErrorCode,
  type ExtractRequest,
  type LoadRequest,
  type Work,
} from '@copyline/contracts';
import { parseExtractSpec, parseSpec } from '@copyline/copy';

import { RequestError } from '../http/problem.ts';

interface CheckOptions {
  /** What stands before the names of fields: `load.` */
  readonly at: string;
  /** Of a schedule, whose source or folder is yet to come. */
  readonly mayBeMissing: boolean;
}

/**
 * Refuses what could never be done, before it is written down: names that are not configured, a file
 * that is not below its root, dialects that are none. Nothing of the file or the database is read.
 *
 * @throws CopylineError with the field named
 */
export function checkWork(work: Work, settings: Settings, options: CheckOptions): Promise<void> {
  return work.type === 'load'
    ? checkLoad(work.load, settings, options)
    : checkExtract(work.extract, settings, options);
}

async function checkLoad(
  load: LoadRequest,
  settings: Settings,
  { at, mayBeMissing }: CheckOptions,
): Promise<void> {
  const { source, connection, ...rest } = load;
  await inField(`${at}connection`, () => connectionNamed(connection, settings));
  await inField(`${at}source`, () =>
    resolveSource(source, settings).catch(
      unless('SOURCE_NOT_VISIBLE', mayBeMissing && 'SOURCE_NOT_FOUND'),
    ),
  );
  // The path stands for any: it is the rest that is looked at.
  await inField(`${at}dialect`, () => parseSpec({ ...rest, source: { path: source } }));
}

async function checkExtract(
  extract: ExtractRequest,
  settings: Settings,
  { at, mayBeMissing }: CheckOptions,
): Promise<void> {
  const { to, connection, ...rest } = extract;
  const spec = { ...rest, to: { path: to } };
  await inField(`${at}connection`, () => connectionNamed(connection, settings));
  await inField(`${at}to`, () =>
    resolveSink(to, settings).catch(unless('SINK_NOT_VISIBLE', mayBeMissing && 'SINK_UNWRITABLE')),
  );
  await inField(`${at}csv`, () => parseExtractSpec({ ...spec, from: { query: 'any' } }));
  await inField(`${at}from`, () => parseExtractSpec(spec));
}

/** Lets pass what a worker has to find out: it may see other folders, and other times. */
function unless(...codes: readonly (ErrorCode | false)[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof CopylineError && codes.includes(error.code))) throw error;
  };
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
