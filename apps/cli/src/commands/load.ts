import { CopylineError, type LoadSpecInput } from '@copyline/contracts';
import { runLoad, type BusyPolicy } from '@copyline/copy';
import { Option, type Command } from 'commander';

import { exitCodeOfReport } from '../exit-code.ts';
import { ProgressLine } from '../output/progress-line.ts';
import { reportText } from '../output/report-text.ts';
import {
  DEFAULT_LEDGER_SCHEMA,
  ledgerSchemaOf,
  openTarget,
  printError,
  runCommand,
  type CommandContext,
  type TargetOptions,
} from './command.ts';
import { Interruption } from './interruption.ts';
import { parseByteSize, parseCharacter, parseCount, parseNames, parseSeconds } from './values.ts';

interface LoadOptions extends TargetOptions {
  readonly into: string;
  readonly columns?: string[];
  readonly create?: boolean;
  readonly format: 'csv';
  readonly delimiter?: string;
  readonly quote?: string;
  readonly escape?: string;
  readonly null?: string;
  readonly header: boolean;
  readonly skipLines?: number;
  readonly skipBlankLines?: boolean;
  readonly maxRecordSize?: number;
  readonly ledger: 'target' | 'none';
  readonly slot?: string;
  readonly force?: boolean;
  readonly allowEmpty?: boolean;
  readonly onBusy: BusyPolicy['action'];
  readonly busyTimeout: number;
  readonly settleTimeout: number;
}

/** Ten minutes: longer than most loads take, shorter than a night. */
const BUSY_TIMEOUT_SECONDS = 600;
/** A server that restarts after a crash is back within half a minute, as a rule. */
const SETTLE_TIMEOUT_SECONDS = 30;

export function addLoadCommand(program: Command): void {
  program
    .command('load')
    .description('load a CSV file into a table, exactly once')
    .argument('<file>', 'the CSV file')
    .requiredOption('--into <table>', 'target: table, schema.table or "Any Name"."table"')
    .option('--columns <a,b,…>', "columns of the file's fields by position", parseNames)
    .option('--create', 'create the table from the data when it does not exist')
    .optionsGroup('Where:')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .addOption(
      new Option('--ledger <where>', 'ledger of loads; none gives up the exactly-once promise')
        .choices(['target', 'none'])
        .default('target'),
    )
    .option('--ledger-schema <name>', `schema of the ledger (default: ${DEFAULT_LEDGER_SCHEMA})`)
    .optionsGroup('How the file is written:')
    .addOption(new Option('--format <format>', 'format').choices(['csv']).default('csv'))
    .option('--delimiter <c>', 'one character, \\t or \\x01 (default: ,)', parseCharacter)
    .option('--quote <c>', 'one character (default: ")', parseCharacter)
    .option('--escape <c>', 'one character (default: the quote)', parseCharacter)
    .option('--null <text>', 'unquoted text that is NULL (default: nothing)')
    .option('--no-header', 'the first record is data')
    .option('--skip-lines <n>', 'physical lines before the header', parseCount)
    .option('--skip-blank-lines', 'blank lines are no records')
    .option('--max-record-size <size>', 'largest record (default: 64MB)', parseByteSize)
    .optionsGroup('What to do:')
    .option('--force', 'load again although the content is loaded; recorded')
    .option('--slot <name>', 'the same content may be loaded once for each slot')
    .option('--allow-empty', 'a file of zero bytes is a load of zero rows')
    .addOption(
      new Option('--on-busy <action>', 'when another run is loading the same file')
        .choices(['wait', 'fail', 'terminate'])
        .default('wait'),
    )
    .option(
      '--busy-timeout <seconds>',
      'longest wait for another run',
      parseSeconds,
      BUSY_TIMEOUT_SECONDS,
    )
    .option(
      '--settle-timeout <seconds>',
      'longest search for the outcome when the answer to COMMIT is lost',
      parseSeconds,
      SETTLE_TIMEOUT_SECONDS,
    )
    .action((file: string, options: LoadOptions) =>
      runCommand(options, (context) => load(file, options, context)),
    );
}

async function load(file: string, options: LoadOptions, context: CommandContext): Promise<number> {
  if (file === '-') {
    throw new CopylineError('USAGE', 'Standard input cannot be loaded', {
      advice: 'Save it to a file first: a load must be able to check its source again.',
    });
  }
  const { terminal, config } = context;
  const progress = new ProgressLine(!options.quiet);
  await using target = openTarget(options, context, () => {
    progress.clear();
  });
  if (target.isEmbedded) terminal.note(`No --target given: using the ${target.description}`);
  using interruption = new Interruption((isCommitting) => {
    progress.clear();
    terminal.note(
      isCommitting
        ? 'Waiting for the answer to COMMIT; again to leave with the outcome unknown'
        : 'Rolling back; again to leave at once',
    );
  });
  const { report, error } = await runLoad(
    specOf(file, options, ledgerSchemaOf(options, config)),
    {
      connect: (signal) => target.connect(signal),
      database: target.description,
      whenBusy: { action: options.onBusy, timeoutMs: options.busyTimeout * 1000 },
      settleTimeoutMs: options.settleTimeout * 1000,
      onProgress: (step) => {
        interruption.isCommitting = step.phase === 'commit' || step.phase === 'settle';
        progress.show(step);
      },
    },
    interruption.signal,
  );
  progress.clear();
  for (const { message } of report.warnings) terminal.warn(message);
  if (error === undefined) terminal.result(reportText(report, options.verbose === true));
  else printError(terminal, error);
  terminal.json(report);
  return exitCodeOfReport(report);
}

function specOf(file: string, options: LoadOptions, ledgerSchema: string): LoadSpecInput {
  const quote = options.quote ?? '"';
  return {
    source: { path: file },
    into: options.into,
    format: options.format,
    dialect: {
      quote,
      escape: options.escape ?? quote,
      header: options.header,
      ...given({
        delimiter: options.delimiter,
        null: options.null,
        skipLines: options.skipLines,
        skipBlankLines: options.skipBlankLines,
      }),
    },
    ledger: options.ledger,
    ledgerSchema,
    ...given({
      columns: options.columns,
      create: options.create,
      allowEmpty: options.allowEmpty,
      slot: options.slot,
      force: options.force,
      maxRecordBytes: options.maxRecordSize,
    }),
  };
}

/** Only what was given: a default belongs to the specification, not to the command line. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
