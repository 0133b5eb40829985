import type { LoadSpecInput } from '@copyline/contracts';
import { validateLoad } from '@copyline/copy';
import type { Command } from 'commander';

import { EXIT, exitCodeOfError } from '../exit-code.ts';
import { ProgressLine } from '../output/progress-line.ts';
import { validateText } from '../output/reject-text.ts';
import {
  openTarget,
  printError,
  runCommand,
  type CommandContext,
  type TargetOptions,
} from './command.ts';
import { Interruption } from './interruption.ts';
import {
  addDialectFlags,
  addFormatFlags,
  addLaneFlag,
  addReadinessFlags,
  describedLoad,
  given,
  type LoadFlags,
} from './load-flags.ts';
import { addMappingFlags } from './mapping-flags.ts';
import { parseCount } from './values.ts';

interface ValidateOptions extends TargetOptions, LoadFlags {
  readonly into: string;
  readonly maxErrors?: number;
  readonly limit: number;
  readonly rejects?: string;
}

/** Errors on a terminal. */
const PRINTED = 20;

export function addValidateCommand(program: Command): void {
  const command = program
    .command('validate')
    .description('find all records that a table would refuse; nothing is stored')
    .argument('<file>', 'a file of CSV or JSON Lines, packed or not, or of Parquet')
    .requiredOption('--into <table>', 'table that is to judge: table, schema.table')
    .option('--create', 'judge by the table that would be created, when it does not exist')
    .optionsGroup('Where:')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .optionsGroup('How the file is written:');
  addDialectFlags(addFormatFlags(command)).optionsGroup('Which fields go where:');
  addMappingFlags(command).optionsGroup('What to do:');
  addReadinessFlags(addLaneFlag(command))
    .option('--max-errors <n>', 'end when there are so many (default: find all)', parseCount)
    .option('--limit <n>', 'most errors to print', parseCount, PRINTED)
    .option('--rejects <file>', 'file for the refused records, their reasons in <file>.jsonl')
    .option('--allow-empty', 'a file of zero bytes is valid')
    .action((file: string, options: ValidateOptions) =>
      runCommand(options, (context) => validate(file, options, context)),
    );
}

async function validate(
  file: string,
  options: ValidateOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal } = context;
  const progress = new ProgressLine(!options.quiet);
  await using target = openTarget(options, context, () => {
    progress.clear();
  });
  using interruption = new Interruption(() => {
    progress.clear();
    terminal.note('Rolling back; again to leave at once');
  });
  const spec: LoadSpecInput = {
    ...describedLoad(options),
    ...given({ rejectsFile: options.rejects }),
    into: options.into,
    source: { path: file },
  };
  const { report, error } = await validateLoad(
    spec,
    {
      connect: (signal) => target.connect(signal),
      database: target.description,
      ...given({ maxErrors: options.maxErrors }),
      onProgress: (step) => {
        progress.show(step);
      },
    },
    interruption.signal,
  );
  progress.clear();
  for (const { message } of report.warnings) terminal.warn(message);
  if (error === undefined) terminal.result(validateText(report, options.limit));
  else printError(terminal, error);
  terminal.json(report);
  if (error !== undefined) return exitCodeOfError(error.code);
  return report.rowsRejected > 0 ? EXIT.loadedWithRejects : EXIT.done;
}
