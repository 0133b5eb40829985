import { faultsOf, faultText, readYamlFile } from '@copyline/config';
import {
  CopylineError,
  loadRequestSchema,
  type LoadRequest,
  type LoadRequestInput,
} from '@copyline/contracts';

import { describedLoad, given, type LoadFlags } from './load-flags.ts';

/** Flags of a load that a worker runs. */
export interface SubmitFlags extends LoadFlags {
  readonly connection?: string;
}

/**
 * The load that is submitted: `root:path` and flags, or a YAML or JSON file, whose values flags
 * override.
 *
 * @throws CopylineError `USAGE`; `REQUEST_INVALID`, naming every fault, those of a file with lines
 */
export async function submittedLoad(named: string, flags: SubmitFlags): Promise<LoadRequest> {
  if (/\.(ya?ml|json)$/i.test(named) && !isSourceName(named)) return loadOfFile(named, flags);
  if (!isSourceName(named)) {
    throw new CopylineError('USAGE', `“${named}” is neither root:path nor a .yaml or .json file`, {
      expected: 'a source such as inbox:orders.csv, or a file that describes a load',
      advice: 'Put the file into a folder that the workers see, and name it by its root.',
    });
  }
  if (flags.into === undefined) {
    throw new CopylineError('USAGE', 'Required option --into <table> not specified');
  }
  return parseRequest({ source: named }, flags, () => undefined);
}

/** A colon comes first in no path that anybody means here, except behind a root. */
function isSourceName(text: string): boolean {
  return /^[a-z][a-z0-9_-]*:/.test(text);
}

async function loadOfFile(file: string, flags: SubmitFlags): Promise<LoadRequest> {
  const read = await readYamlFile(file);
  if ('faults' in read) throw invalid(file, read.faults);
  const { value, lineOf } = read;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(file, ['it does not describe a load: keys and values are missing']);
  }
  return parseRequest(value as Record<string, unknown>, flags, (path) => ({
    file,
    line: lineOf(path),
  }));
}

/** Where a value of a file stands; undefined for what was typed. */
type Locate = (path: readonly PropertyKey[]) => { file: string; line: number } | undefined;

function parseRequest(
  base: Readonly<Record<string, unknown>>,
  flags: SubmitFlags,
  locate: Locate,
): LoadRequest {
  const { dialect: dialectFlags, mapping, ...loadFlags } = describedLoad(flags);
  const merged = {
    ...base,
    ...loadFlags,
    ...given({ connection: flags.connection }),
    dialect: mergeDialect(base['dialect'], dialectFlags),
    ...(mapping === undefined ? {} : { mapping: merge(base['mapping'], mapping) }),
  };
  const parsed = loadRequestSchema.safeParse(merged);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error).map((fault) => faultText(fault, locate(fault.path)?.line));
  throw invalid(locate([])?.file ?? 'The load', faults);
}

/** Flags over what a file says; what is no object is left to be refused. */
function merge(base: unknown, flags: object): unknown {
  if (base !== undefined && (typeof base !== 'object' || base === null)) return base;
  return { ...base, ...flags };
}

/** Quotes are doubled unless an escape is given, whatever the quote is. */
function mergeDialect(base: unknown, flags: LoadRequestInput['dialect']): unknown {
  const merged = merge(base, flags ?? {});
  if (merged === base) return base;
  const dialect = merged as { quote?: unknown; escape?: unknown };
  const { quote, escape = quote } = dialect;
  return { ...dialect, ...(escape === undefined ? {} : { escape }) };
}

function invalid(what: string, faults: readonly string[]): CopylineError {
  return new CopylineError('REQUEST_INVALID', `${what} is not valid: ${faults.join('; ')}`);
}
