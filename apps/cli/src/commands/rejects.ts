import { CopylineError, type RejectLimit } from '@copyline/contracts';
import {
  pruneRejects,
  readRejects,
  readRejectSet,
  reasonsPath,
  rejectReport,
  replayRejects,
  writeRejectFiles,
  type HistoryEntry,
} from '@copyline/copy';
import type { Connection } from '@copyline/dws-client';
import type { Command } from 'commander';

import { countText, plural } from '../output/numbers.ts';
import { ProgressLine } from '../output/progress-line.ts';
import { rejectTable } from '../output/reject-text.ts';
import {
  ledgerSchemaOf,
  openTarget,
  runCommand,
  withTarget,
  type CommandContext,
  type TargetOptions,
} from './command.ts';
import { findLoad, hasLedger } from './history.ts';
import { Interruption } from './interruption.ts';
import { tellLoad } from './load-outcome.ts';
import { parseAge, parseCount, parseRejectLimit } from './values.ts';

interface RejectsOptions extends TargetOptions {
  readonly to?: string;
  readonly limit: number;
  readonly prune?: boolean;
  readonly olderThan?: number;
}

interface ReplayFlags extends TargetOptions {
  readonly rejectLimit?: RejectLimit;
  readonly rejects?: string;
}

/** Rejects on a terminal. */
const PRINTED = 20;

export function addRejectsCommands(program: Command): void {
  program
    .command('rejects')
    .description(
      'list the records that a load has refused, write them to a file, or delete old ones',
    )
    .argument('[load]', 'id of the load, or its first characters (four at least)')
    .option('--to <file>', 'write them to a file that can be loaded, reasons to <file>.jsonl')
    .option('--limit <n>', 'most rejects to list', parseCount, PRINTED)
    .option('--prune', 'delete the rejects of all loads that are old')
    .option('--older-than <age>', 'how old: 90s, 12h, 30d', parseAge)
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .option('--ledger-schema <name>', 'schema of the ledger')
    .action((id: string | undefined, options: RejectsOptions) =>
      runCommand(options, (context) => rejects(id, options, context)),
    );
  program
    .command('replay')
    .description('load the rejects of a load again, when the table has been changed; exactly once')
    .argument('<load>', 'id of the load, or its first characters (four at least)')
    .option(
      '--reject-limit <n|n%>',
      'rejects that are allowed (default: any number)',
      parseRejectLimit,
    )
    .option('--rejects <file>', 'file for what is refused again, reasons in <file>.jsonl')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .option('--ledger-schema <name>', 'schema of the ledger')
    .action((id: string, options: ReplayFlags) =>
      runCommand(options, (context) => replay(id, options, context)),
    );
}

async function rejects(
  id: string | undefined,
  options: RejectsOptions,
  context: CommandContext,
): Promise<number> {
  const { prune, olderThan } = options;
  if ((prune === true) !== (id === undefined) || (prune === true) !== (olderThan !== undefined)) {
    throw new CopylineError('USAGE', 'Name a load, or give --prune and --older-than', {
      advice: 'For example: copyline rejects --prune --older-than 30d',
    });
  }
  return withTarget(options, context, async (target, schema) => {
    await using connection = await target.connect();
    if (olderThan !== undefined) await pruneOld(connection, schema, olderThan, context);
    else
      await list(
        await findLoad(connection, schema, id ?? ''),
        connection,
        schema,
        options,
        context,
      );
  });
}

async function list(
  load: HistoryEntry,
  connection: Connection,
  schema: string,
  options: RejectsOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const set = await readRejectSet(connection, schema, load.loadId);
  const count = set?.rejects ?? 0;
  if (set === undefined && (load.report?.rowsRejected ?? 0) > 0) {
    throw new CopylineError('REJECTS_GONE', `The rejects of ${load.loadId} have been deleted`);
  }
  if (options.to !== undefined) {
    if (set === undefined) {
      throw new CopylineError('REJECTS_GONE', `The load ${load.loadId} has no rejects`);
    }
    const all = readRejects(connection, schema, load.loadId);
    await writeRejectFiles(options.to, load.source, set.preamble, all);
    terminal.result(
      `${plural(count, 'record')} in ${options.to}, the reasons in ${reasonsPath(options.to)}`,
    );
    terminal.json({ loadId: load.loadId, rejects: count, file: options.to });
    return;
  }
  const shown = [];
  for await (const reject of readRejects(connection, schema, load.loadId, options.limit)) {
    shown.push({
      source: load.source,
      ...rejectReport(reject),
      raw: reject.raw.toString('base64'),
    });
  }
  const more = count - shown.length;
  terminal.result(
    count === 0
      ? `The load ${load.loadId} has no rejects`
      : rejectTable(shown) + (more > 0 ? `\n… and ${countText(more)} more: --limit, or --to` : ''),
  );
  terminal.json({ loadId: load.loadId, count, rejects: shown });
}

async function pruneOld(
  connection: Connection,
  schema: string,
  olderThan: number,
  { terminal }: CommandContext,
): Promise<void> {
  const pruned = (await hasLedger(connection, schema))
    ? await pruneRejects(connection, schema, olderThan)
    : { loads: 0, rejects: 0 };
  terminal.result(`Deleted ${plural(pruned.rejects, 'reject')} of ${plural(pruned.loads, 'load')}`);
  terminal.json(pruned);
}

async function replay(id: string, options: ReplayFlags, context: CommandContext): Promise<number> {
  const { terminal, settings } = context;
  const progress = new ProgressLine(!options.quiet);
  await using target = openTarget(options, context, () => {
    progress.clear();
  });
  using interruption = new Interruption((isCommitting) => {
    progress.clear();
    terminal.note(isCommitting ? 'Waiting for the answer to COMMIT' : 'Rolling back');
  });
  const ledgerSchema = ledgerSchemaOf(options, settings);
  const { loadId } = await (async () => {
    await using connection = await target.connect();
    return await findLoad(connection, ledgerSchema, id);
  })();
  const outcome = await replayRejects(
    loadId,
    { ledgerSchema, rejectLimit: options.rejectLimit, rejectsFile: options.rejects },
    {
      connect: (signal) => target.connect(signal),
      database: target.description,
      onProgress: (step) => {
        interruption.isCommitting = step.phase === 'commit' || step.phase === 'settle';
        progress.show(step);
      },
    },
    interruption.signal,
  );
  progress.clear();
  return tellLoad(outcome, options, context);
}
