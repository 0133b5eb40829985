import { DEFAULT_LEDGER_SCHEMA } from '@copyline/config';
import { CopylineError, type LoadSpecInput } from '@copyline/contracts';
import {
  loadManifest,
  runLoad,
  type BusyPolicy,
  type LoadDeps,
  type ManifestLoadInput,
} from '@copyline/copy';
import { Option, type Command } from 'commander';

import { ProgressLine } from '../output/progress-line.ts';
import {
  ledgerSchemaOf,
  openTarget,
  runCommand,
  type CommandContext,
  type TargetOptions,
} from './command.ts';
import { Interruption } from './interruption.ts';
import {
  addActionFlags,
  addDialectFlags,
  addFormatFlags,
  describedLoad,
  given,
  type LoadFlags,
} from './load-flags.ts';
import { tellLoad } from './load-outcome.ts';
import { addMappingFlags } from './mapping-flags.ts';
import { parseSeconds } from './values.ts';

interface LoadOptions extends TargetOptions, LoadFlags {
  readonly into: string;
  readonly onBusy: BusyPolicy['action'];
  readonly busyTimeout: number;
  readonly settleTimeout: number;
  readonly rejects?: string;
}

/** Ten minutes: longer than most loads take, shorter than a night. */
const BUSY_TIMEOUT_SECONDS = 600;
/** A server that restarts after a crash is back within half a minute, as a rule. */
const SETTLE_TIMEOUT_SECONDS = 30;

export function addLoadCommand(program: Command): void {
  const command = program
    .command('load')
    .description(
      'load a CSV or Parquet file, or the files of an extract, into a table, exactly once',
    )
    .argument('<file>', 'the CSV or Parquet file; or the .manifest.json of an extract')
    .requiredOption('--into <table>', 'target: table, schema.table or "Any Name"."table"')
    .option('--create', 'create the table from the data when it does not exist')
    .optionsGroup('Where:')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .addOption(
      new Option('--ledger <where>', 'ledger of loads; none gives up the exactly-once promise')
        .choices(['target', 'none'])
        .default('target'),
    )
    .option('--ledger-schema <name>', `schema of the ledger (default: ${DEFAULT_LEDGER_SCHEMA})`)
    .optionsGroup('How the file is written:');
  addDialectFlags(addFormatFlags(command)).optionsGroup('Which fields go where:');
  addMappingFlags(command).optionsGroup('What to do:');
  addActionFlags(command)
    .option('--rejects <file>', 'file for the rejects, their reasons in <file>.jsonl')
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
  const { terminal, settings } = context;
  const progress = new ProgressLine(!options.quiet);
  await using target = openTarget(options, context, () => {
    progress.clear();
  });
  if (options.target === undefined)
    terminal.note(`No --target given: using the ${target.description}`);
  using interruption = new Interruption((isCommitting) => {
    progress.clear();
    terminal.note(
      isCommitting
        ? 'Waiting for the answer to COMMIT; again to leave with the outcome unknown'
        : 'Rolling back; again to leave at once',
    );
  });
  const deps: LoadDeps = {
    connect: (signal) => target.connect(signal),
    database: target.description,
    whenBusy: { action: options.onBusy, timeoutMs: options.busyTimeout * 1000 },
    settleTimeoutMs: options.settleTimeout * 1000,
    onProgress: (step) => {
      interruption.isCommitting = step.phase === 'commit' || step.phase === 'settle';
      progress.show(step);
    },
  };
  const spec = specOf(file, options, ledgerSchemaOf(options, settings));
  const outcome = isManifest(file)
    ? await loadManifest(file, withoutForm(spec), deps, interruption.signal)
    : await runLoad(spec, deps, interruption.signal);
  progress.clear();
  return tellLoad(outcome, options, context);
}

function specOf(file: string, options: LoadOptions, ledgerSchema: string): LoadSpecInput {
  return {
    ...describedLoad(options),
    ...given({ rejectsFile: options.rejects }),
    into: options.into,
    source: { path: file },
    ledgerSchema,
  };
}

function isManifest(file: string): boolean {
  return file.endsWith('.manifest.json');
}

/** @throws CopylineError `USAGE` for flags about what the manifest says itself */
function withoutForm({
  source,
  format,
  dialect,
  columns,
  ...spec
}: LoadSpecInput): ManifestLoadInput {
  if (
    (columns ?? format) !== undefined ||
    (dialect !== undefined && Object.keys(dialect).length > 0)
  ) {
    throw new CopylineError('USAGE', `${source.path} says itself how its files are written`, {
      advice: 'Leave out --format, --columns, --delimiter and the like.',
    });
  }
  return spec;
}
