import { CopylineError } from '@copyline/contracts';
import {
  escapeControls,
  findRuns,
  ledgerExists,
  openLedger,
  readHistory,
  type HistoryEntry,
} from '@copyline/copy';
import type { Connection } from '@copyline/dws-client';
import type { Command } from 'commander';

import { errorText } from '../output/error-text.ts';
import { bytesText, countText } from '../output/numbers.ts';
import { tableText } from '../output/table.ts';
import { runCommand, withTarget, type CommandContext, type TargetOptions } from './command.ts';
import { parseCount } from './values.ts';

/** As other loaders' histories have them: what was loaded, and the first error with its place. */
const SUMMARY = [
  ...['load', 'started', 'status', 'table', 'file', 'size', 'parsed', 'loaded', 'errors'],
  ...['line', 'column', 'byte', 'first error'],
];

/** The longest message in a table, in characters; `show` has all of it. */
const MESSAGE_CHARS = 60;

/** First characters of a load id, enough to tell the loads of a year apart. */
const SHORT_ID = 8;

interface HistoryOptions extends TargetOptions {
  readonly limit: number;
}

export function addHistoryCommands(program: Command): void {
  program
    .command('history')
    .description('list the loads that the ledger knows, the newest first')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .option('--ledger-schema <name>', 'schema of the ledger')
    .option('--limit <n>', 'most loads to list', parseCount, 20)
    .action((options: HistoryOptions) =>
      runCommand(options, (context) => history(options, context)),
    );
  program
    .command('show')
    .description('show one load in full')
    .argument('<load>', 'id of the load, or its first characters (four at least)')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .option('--ledger-schema <name>', 'schema of the ledger')
    .action((id: string, options: TargetOptions) =>
      runCommand(options, (context) => show(id, options, context)),
    );
}

async function history(options: HistoryOptions, context: CommandContext): Promise<number> {
  return withTarget(options, context, async (target, schema) => {
    await using connection = await target.connect();
    const runs = (await hasLedger(connection, schema))
      ? await readHistory(connection, schema, { limit: options.limit })
      : [];
    context.terminal.result(
      runs.length === 0 ? 'The ledger knows no loads yet' : tableText(SUMMARY, runs.map(summary)),
    );
    context.terminal.json({ loads: runs });
  });
}

async function show(id: string, options: TargetOptions, context: CommandContext): Promise<number> {
  return withTarget(options, context, async (target, schema) => {
    await using connection = await target.connect();
    const run = await findLoad(connection, schema, id);
    context.terminal.result(detailText(run));
    context.terminal.json(run);
  });
}

/**
 * A load by its id or the first characters of it.
 *
 * @throws CopylineError `LOAD_NOT_FOUND`
 */
export async function findLoad(
  connection: Connection,
  schema: string,
  id: string,
): Promise<HistoryEntry> {
  const found = (await hasLedger(connection, schema))
    ? await findRuns(connection, schema, id.toLowerCase())
    : [];
  const [run] = found;
  if (run !== undefined && found.length === 1) return run;
  throw new CopylineError(
    'LOAD_NOT_FOUND',
    found.length > 1 ? `Several loads begin with ${id}` : `There is no load ${id}`,
  );
}

/** Reading must not create anything: a missing ledger is an empty one. */
export async function hasLedger(connection: Connection, schema: string): Promise<boolean> {
  if (!(await ledgerExists(connection, schema))) return false;
  await openLedger(connection, schema);
  return true;
}

function summary(run: HistoryEntry): unknown[] {
  return [
    run.loadId.slice(0, SHORT_ID),
    timeText(run.startedAt),
    run.state,
    run.target,
    sourceText(run.source),
    bytesText(run.bytes),
    run.rowsParsed ?? '',
    run.rowsLoaded ?? '',
    run.errors ?? '',
    ...firstErrorCells(run.firstError),
  ];
}

function firstErrorCells(error: HistoryEntry['firstError']): unknown[] {
  if (error === null) return ['', '', '', ''];
  const { line, column, byteOffset, code, message } = error;
  const text = `${code}: ${message}`;
  return [
    line ?? '',
    column ?? '',
    byteOffset ?? '',
    text.length > MESSAGE_CHARS ? `${text.slice(0, MESSAGE_CHARS - 1)}…` : text,
  ];
}

function detailText(run: HistoryEntry): string {
  const lines: string[] = [];
  const add = (label: string, text: string | null): void => {
    if (text !== null && text !== '') lines.push(`${label.padEnd(12)} ${escapeControls(text)}`);
  };
  add('load', run.loadId);
  add('state', run.state + (run.repeat > 0 ? `, repeat ${String(run.repeat)} (--force)` : ''));
  add('table', run.target);
  add('source', run.source);
  add('slot', run.slot);
  add('size', bytesText(run.bytes));
  add('digest', run.digest);
  add('parsed', run.rowsParsed === null ? null : countText(run.rowsParsed));
  add('rows', run.rowsLoaded === null ? null : countText(run.rowsLoaded));
  const rejected = run.report?.rowsRejected ?? 0;
  add('rejects', rejected === 0 ? null : countText(rejected));
  add('duplicate of', run.duplicateOf);
  add('promise', run.report?.guarantee ?? null);
  add('lane', run.report?.lane?.name ?? null);
  add('client', run.client);
  add('started', run.startedAt);
  add('finished', run.finishedAt);
  for (const warning of run.report?.warnings ?? []) add('warning', warning.message);
  if (run.error !== null) lines.push(errorText(run.error));
  else if (run.firstError !== null) {
    const { record, line, column, code, message } = run.firstError;
    const place = `record ${String(record)}, line ${String(line)}`;
    add(
      'first error',
      `${place}${column === null ? '' : `, column ${column}`}: ${code}: ${message}`,
    );
  }
  return lines.join('\n');
}

/** Without the microseconds. */
function timeText(timestamp: string): string {
  return timestamp.replace(/\.\d+/, '');
}

/** The file's path without the machine; the full name is in `show`. */
function sourceText(source: string): string {
  // A replay has no file.
  if (!source.startsWith('file:')) return source;
  try {
    return decodeURIComponent(new URL(source).pathname);
  } catch {
    return source;
  }
}
