import { faultsOf, faultText, readYamlFile } from '@copyline/config';
import {
  CopylineError,
  extractRequestSchema,
  loadRequestSchema,
  type CsvOutput,
  type ExtractRequestInput,
  type LoadRequestInput,
  type Work,
} from '@copyline/contracts';
import type { z } from 'zod';

import { describedLoad, given, type LoadFlags } from './load-flags.ts';

/** Flags of a load or an extract that a worker runs. */
export interface SubmitFlags extends LoadFlags {
  readonly connection?: string;
  readonly to?: string;
  readonly table?: string;
  readonly where?: string;
  readonly query?: string;
  readonly overwrite?: boolean;
  readonly compression?: ExtractRequestInput['compression'];
}

type Flag = keyof SubmitFlags;
const OF_LOADS: readonly Flag[] = [
  ...(['into', 'create', 'skipLines', 'skipBlankLines', 'maxRecordSize', 'ledger'] as const),
  ...(['lane', 'slot', 'force', 'allowEmpty', 'onError', 'rejectLimit', 'trim'] as const),
  ...([
    'map',
    'skipColumns',
    'set',
    'nullFor',
    'trimFor',
    'extraColumns',
    'missingColumns',
  ] as const),
  ...(['nested', 'nanoseconds'] as const),
];
const OF_EXTRACTS: readonly Flag[] = ['to', 'table', 'where', 'query', 'overwrite', 'compression'];

/**
 * What is submitted: a load as `root:path` and flags, an extract as flags, or either of them as a YAML
 * or JSON file, whose values flags override.
 *
 * @throws CopylineError `USAGE`; `REQUEST_INVALID`, naming every fault, those of a file with lines
 */
export async function submittedWork(named: string | undefined, flags: SubmitFlags): Promise<Work> {
  if (named === undefined) {
    if (flags.to === undefined || (flags.table ?? flags.query) === undefined) {
      throw new CopylineError(
        'USAGE',
        'A load has a source; an extract --to, and --table or --query',
      );
    }
    return extractOf({}, flags, () => undefined);
  }
  if (/\.(ya?ml|json)$/i.test(named) && !isRootedName(named)) return workOfFile(named, flags);
  if (!isRootedName(named)) {
    throw new CopylineError('USAGE', `“${named}” is neither root:path nor a .yaml or .json file`, {
      expected: 'a source such as inbox:orders.csv, or a file that describes a load or an extract',
      advice: 'Put the file into a folder that the workers see, and name it by its root.',
    });
  }
  if (flags.into === undefined) {
    throw new CopylineError('USAGE', 'Required option --into <table> not specified');
  }
  return loadOf({ source: named }, flags, () => undefined);
}

/** A colon comes first in no path that anybody means here, except behind a root. */
function isRootedName(text: string): boolean {
  return /^[a-z][a-z0-9_-]*:/.test(text);
}

type Description = Readonly<Record<string, unknown>>;

async function workOfFile(file: string, flags: SubmitFlags): Promise<Work> {
  const read = await readYamlFile(file);
  if ('faults' in read) throw invalid(file, read.faults);
  const { value, lineOf } = read;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(file, [
      'it describes neither a load nor an extract: keys and values are missing',
    ]);
  }
  const locate: Locate = (path) => ({ file, line: lineOf(path) });
  // What is written goes to a sink; what is read comes from a source.
  return 'to' in value || 'from' in value
    ? extractOf(value, flags, locate)
    : loadOf(value as Description, flags, locate);
}

/** Where a value of a file stands; undefined for what was typed. */
type Locate = (path: readonly PropertyKey[]) => { file: string; line: number } | undefined;

function loadOf(base: Description, flags: SubmitFlags, locate: Locate): Work {
  refuse(OF_EXTRACTS, flags, 'a load');
  const { dialect, mapping, parquet, ...loadFlags } = describedLoad(flags);
  const merged = {
    ...base,
    ...loadFlags,
    ...given({ connection: flags.connection }),
    dialect: mergeDialect(base['dialect'], dialect),
    ...(mapping === undefined ? {} : { mapping: merge(base['mapping'], mapping) }),
    ...(parquet === undefined ? {} : { parquet: merge(base['parquet'], parquet) }),
  };
  return { type: 'load', load: parseRequest(loadRequestSchema, merged, 'The load', locate) };
}

function extractOf(base: Description, flags: SubmitFlags, locate: Locate): Work {
  refuse(OF_LOADS, flags, 'an extract');
  const { table, columns, where, query, to, overwrite, format, compression, connection } = flags;
  const csv = given({
    ...{ delimiter: flags.delimiter, quote: flags.quote, escape: flags.escape, null: flags.null },
    header: flags.header ? undefined : false,
  });
  const from =
    query === undefined ? mergeTable(base['from'], { table, columns, where }) : { query };
  const merged = {
    ...base,
    ...given({ from, to, overwrite, format, compression, connection }),
    ...(base['csv'] === undefined && Object.keys(csv).length === 0
      ? {}
      : { csv: mergeDialect(base['csv'], csv) }),
  };
  const parsed = parseRequest(extractRequestSchema, merged, 'The extract', locate);
  return { type: 'extract', extract: parsed };
}

function mergeTable(base: unknown, flags: Description): unknown {
  const added = given(flags);
  if (Object.keys(added).length === 0) return base;
  // Another table has other columns.
  return 'table' in added || typeof base !== 'object' ? added : { ...base, ...added };
}

function parseRequest<T>(schema: z.ZodType<T>, merged: object, what: string, locate: Locate): T {
  const parsed = schema.safeParse(merged);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error).map((fault) => faultText(fault, locate(fault.path)?.line));
  throw invalid(locate([])?.file ?? what, faults);
}

/** Flags over what a file says; what is no object is left to be refused. */
function merge(base: unknown, flags: object): unknown {
  if (base !== undefined && (typeof base !== 'object' || base === null)) return base;
  return { ...base, ...flags };
}

/** Quotes are doubled unless an escape is given, whatever the quote is. */
function mergeDialect(
  base: unknown,
  flags: LoadRequestInput['dialect'] | Partial<CsvOutput>,
): unknown {
  const merged = merge(base, flags ?? {});
  if (merged === base) return base;
  const dialect = merged as { quote?: unknown; escape?: unknown };
  const { quote, escape = quote } = dialect;
  return { ...dialect, ...(escape === undefined ? {} : { escape }) };
}

/** @throws CopylineError `USAGE` */
function refuse(foreign: readonly Flag[], flags: SubmitFlags, what: string): void {
  const named = foreign
    .filter((flag) => flags[flag] !== undefined)
    .map((flag) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  if (named.length === 0) return;
  throw new CopylineError('USAGE', `${named.join(', ')}: ${what} has no such option`);
}

function invalid(what: string, faults: readonly string[]): CopylineError {
  return new CopylineError('REQUEST_INVALID', `${what} is not valid: ${faults.join('; ')}`);
}
