import { DEFAULT_LEDGER_SCHEMA, type Target } from '@copyline/config';
import { CopylineError, type LoadSpecInput } from '@copyline/contracts';
import {
  loadFiles,
  loadManifest,
  meansSeveral,
  runLoad,
  type BusyPolicy,
  type LoadDeps,
  type LoadOutcome,
  type ManifestLoadInput,
  type SeveralOptions,
} from '@copyline/copy';
import { formatConninfo, Secret } from '@copyline/dws-client';
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
  addReadinessFlags,
  describedLoad,
  given,
  type LoadFlags,
} from './load-flags.ts';
import { tellLoad } from './load-outcome.ts';
import { addMappingFlags } from './mapping-flags.ts';
import { parseParallel, parseSeconds } from './values.ts';

interface LoadOptions extends TargetOptions, LoadFlags {
  readonly into: string;
  readonly onBusy: BusyPolicy['action'];
  readonly busyTimeout: number;
  readonly settleTimeout: number;
  readonly rejects?: string;
  readonly atomic?: boolean;
  readonly parallel: number;
}

/** Ten minutes: longer than most loads take, shorter than a night. */
const BUSY_TIMEOUT_SECONDS = 600;
/** A server that restarts after a crash is back within half a minute, as a rule. */
const SETTLE_TIMEOUT_SECONDS = 30;

export function addLoadCommand(program: Command): void {
  const command = program
    .command('load')
    .description('load files, packed or not, or those of an extract, into a table, exactly once')
    .argument(
      '<files...>',
      'CSV, JSON Lines or Parquet, folders of them, patterns such as "in/*.csv"; or the .manifest.json of an extract',
    )
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
  addReadinessFlags(addActionFlags(command))
    .option('--atomic', 'several files in one transaction: all of them or none')
    .option('--parallel <n>', 'how many files are loaded at a time', parseParallel, 1)
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
    .action((files: string[], options: LoadOptions) =>
      runCommand(options, (context) => load(files, options, context)),
    );
}

async function load(
  files: readonly string[],
  options: LoadOptions,
  context: CommandContext,
): Promise<number> {
  if (files.includes('-')) {
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
      interruption.isCommitting = step.isCommitting;
      progress.show(step);
    },
  };
  const { signal } = interruption;
  const parallel = await parallelOf(options, target, signal);
  const outcome = await loadWhatIsMeant(files, options, deps, {
    ledgerSchema: ledgerSchemaOf(options, settings),
    ...{ signal, ...parallel },
  });
  progress.clear();
  return tellLoad(outcome, options, context);
}

/** @throws CopylineError `USAGE` together with --atomic */
async function parallelOf(
  { parallel: loads, atomic }: LoadOptions,
  target: Target,
  signal: AbortSignal,
): Promise<Pick<SeveralOptions, 'parallel'>> {
  if (loads === 1) return {};
  if (atomic === true) {
    throw new CopylineError('USAGE', 'One transaction cannot load files in parallel', {
      advice: 'Leave out --atomic or --parallel.',
    });
  }
  const conninfo = new Secret(formatConninfo(await target.parameters(signal)));
  return { parallel: { loads, conninfo } };
}

async function loadWhatIsMeant(
  files: readonly string[],
  options: LoadOptions,
  deps: LoadDeps,
  { ledgerSchema, ...several }: SeveralOptions & { readonly ledgerSchema: string },
): Promise<LoadOutcome> {
  const [file = ''] = files;
  const spec = specOf(file, options, ledgerSchema);
  const manifest = files.find(isManifest);
  if (manifest !== undefined && (files.length > 1 || options.atomic === true)) {
    throw new CopylineError('USAGE', `${manifest} is loaded by itself, file by file`);
  }
  if (manifest !== undefined) return loadManifest(manifest, withoutForm(spec), deps, several);
  if (files.length === 1 && options.atomic !== true && !(await meansSeveral(file))) {
    return runLoad(spec, deps, several.signal);
  }
  const { source: _, ...input } = spec;
  return loadFiles(files, input, deps, { atomic: options.atomic === true, ...several });
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
