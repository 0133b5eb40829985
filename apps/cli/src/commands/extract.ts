import { CopylineError, type ExtractSpecInput } from '@copyline/contracts';
import { runExtract } from '@copyline/copy';
import { Option, type Command } from 'commander';

import { exitCodeOfError, EXIT } from '../exit-code.ts';
import { extractText } from '../output/extract-text.ts';
import { ProgressLine } from '../output/progress-line.ts';
import {
  openTarget,
  printError,
  runCommand,
  type CommandContext,
  type TargetOptions,
} from './command.ts';
import { Interruption } from './interruption.ts';
import { given } from './load-flags.ts';
import { parseByteSize, parseCharacter, parseCount, parseNames, parseSeconds } from './values.ts';

interface ExtractOptions extends TargetOptions {
  readonly table?: string;
  readonly columns?: string[];
  readonly where?: string;
  readonly query?: string;
  readonly to: string;
  readonly format?: 'csv' | 'parquet';
  readonly overwrite?: boolean;
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'zstd';
  readonly rowsPerFile?: number;
  readonly bytesPerFile?: number;
  readonly delimiter?: string;
  readonly quote?: string;
  readonly escape?: string;
  readonly null?: string;
  readonly header: boolean;
  readonly quoteAll?: boolean;
  readonly excelSafe?: boolean;
  readonly searchPath?: string[];
  readonly statementTimeout?: number;
  readonly maxDuration?: number;
}

export function addExtractCommand(program: Command): void {
  program
    .command('extract')
    .description(
      'write a table or the result of a query to a file: all of one snapshot, or nothing',
    )
    .option('--table <table>', 'table or view: table, schema.table or "Any Name"."table"')
    .option('--columns <a,b,…>', 'columns of the table (default: all)', parseNames)
    .option('--where <condition>', 'SQL condition for the rows of the table')
    .option('--query <sql>', 'instead of a table: one statement that reads')
    .requiredOption('--to <file>', 'file to write; - for the standard output')
    .option('--overwrite', 'replace files of the same names')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .optionsGroup('How the file is written:')
    .addOption(
      new Option(
        '--format <format>',
        'format (default: parquet for a name in .parquet, else csv)',
      ).choices(['csv', 'parquet']),
    )
    .addOption(
      new Option(
        '--compression <method>',
        'CSV: none or gzip (default: gzip for a name in .gz); Parquet: none, snappy or zstd (default: snappy)',
      ).choices(['none', 'gzip', 'snappy', 'zstd']),
    )
    .option('--rows-per-file <n>', 'split into numbered files of so many rows', parseCount)
    .option('--bytes-per-file <size>', 'split so that no file is larger', parseByteSize)
    .optionsGroup('How CSV is written:')
    .option('--delimiter <c>', 'one character, \\t or \\x01 (default: ,)', parseCharacter)
    .option('--quote <c>', 'one character (default: ")', parseCharacter)
    .option('--escape <c>', 'one character (default: the quote)', parseCharacter)
    .option('--null <text>', 'text that stands for NULL (default: nothing)')
    .option('--header', 'begin each file with the names of the columns', true)
    .option('--no-header', 'no line with the names')
    .option('--quote-all', 'quote every value that is not NULL')
    .option('--excel-safe', 'an apostrophe before text that a spreadsheet would run; alters data')
    .optionsGroup('What to do:')
    .option(
      '--search-path <a,b,…>',
      'schemas in which names of the query are looked up',
      parseNames,
    )
    .option('--statement-timeout <seconds>', "the server's limit for one statement", parseSeconds)
    .option('--max-duration <seconds>', 'longest time until the last row', parseSeconds)
    .action(async (options: ExtractOptions) => {
      await runCommand(options, (context) => extract(options, context));
      // What still waits for a reader that stands still must not keep the process alive.
      if (options.to === '-' && process.exitCode !== EXIT.done) process.exit();
    });
}

async function extract(options: ExtractOptions, context: CommandContext): Promise<number> {
  const spec = specOf(options);
  const { terminal } = context;
  const isStdout = spec.to === 'stdout';
  if (isStdout && terminal.options.json) {
    throw new CopylineError('USAGE', '--json and --to - both want the standard output', {
      advice: 'Write to a file, or leave --json out: the exit code tells the outcome.',
    });
  }
  const progress = new ProgressLine(!options.quiet);
  await using target = openTarget(options, context, () => {
    progress.clear();
  });
  if (options.target === undefined)
    terminal.note(`No --target given: using the ${target.description}`);
  using interruption = new Interruption(() => {
    progress.clear();
    terminal.note('Cancelling; again to leave at once');
  });
  const { report, error } = await runExtract(
    spec,
    {
      connection: (signal) => target.connect(signal),
      database: target.description,
      onProgress: (step) => {
        progress.showExtract(step);
      },
    },
    interruption.signal,
  );
  progress.clear();
  for (const { message } of report.warnings) terminal.warn(message);
  if (error !== undefined) printError(terminal, error, report);
  else if (isStdout) terminal.note(extractText(report, options.verbose === true));
  else terminal.result(extractText(report, options.verbose === true));
  terminal.json(report);
  return error === undefined ? EXIT.done : exitCodeOfError(error.code);
}

function specOf(options: ExtractOptions): ExtractSpecInput {
  const { table, columns, where, query } = options;
  const isWhole = query !== undefined && columns === undefined && where === undefined;
  if ((table === undefined) === (query === undefined) || (query !== undefined && !isWhole)) {
    throw new CopylineError('USAGE', 'Give --table, with --columns and --where; or --query alone');
  }
  return {
    from: query === undefined ? { table: table ?? '', ...given({ columns, where }) } : { query },
    to: options.to === '-' ? 'stdout' : { path: options.to },
    ...given({
      csv: csvOf(options),
      format: options.format,
      compression: options.compression,
      overwrite: options.overwrite,
      rowsPerFile: options.rowsPerFile,
      bytesPerFile: options.bytesPerFile,
      searchPath: options.searchPath,
      statementTimeoutMs: milliseconds(options.statementTimeout),
      maxDurationMs: milliseconds(options.maxDuration),
    }),
  };
}

/** Nothing when nothing of it was asked for: of Parquet it would be a mistake. */
function csvOf(options: ExtractOptions): ExtractSpecInput['csv'] {
  const csv = given({
    delimiter: options.delimiter,
    quote: options.quote,
    escape: options.escape,
    null: options.null,
    header: options.header ? undefined : false,
    quoting: options.quoteAll === true ? ('all' as const) : undefined,
    excelSafe: options.excelSafe,
  });
  return Object.keys(csv).length === 0 ? undefined : csv;
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1000);
}
