import type { LoadSpecInput } from '@copyline/contracts';
import {
  describeTable,
  escapeControls,
  type Evidence,
  type TableDescription,
} from '@copyline/copy';
import type { Command } from 'commander';

import { EXIT } from '../exit-code.ts';
import { countText } from '../output/numbers.ts';
import { ProgressLine } from '../output/progress-line.ts';
import { runCommand, type CommandContext, type CommonOptions } from './command.ts';
import { Interruption } from './interruption.ts';
import { addDialectFlags, addFormatFlags, describedLoad, type LoadFlags } from './load-flags.ts';
import { addMappingFlags } from './mapping-flags.ts';

interface SchemaOptions extends CommonOptions, LoadFlags {}

export function addSchemaCommand(program: Command): void {
  const command = program
    .command('schema')
    .description('print the table that load --create would make of a file, and why')
    .argument(
      '<file>',
      'a file of CSV or JSON Lines, packed or not, or of Parquet; no database is asked',
    )
    .option('--into <table>', 'name of the table (default: the name of the file)')
    .optionsGroup('How the file is written:');
  addDialectFlags(addFormatFlags(command)).optionsGroup('Which fields go where:');
  addMappingFlags(command).action((file: string, options: SchemaOptions) =>
    runCommand(options, (context) => schema(file, options, context)),
  );
}

async function schema(
  file: string,
  options: SchemaOptions,
  { terminal }: CommandContext,
): Promise<number> {
  const progress = new ProgressLine(!options.quiet);
  using interruption = new Interruption(() => {
    progress.clear();
  });
  const spec: LoadSpecInput = {
    ...describedLoad(options),
    source: { path: file },
    into: options.into ?? tableNameOf(file),
  };
  const description = await describeTable(
    spec,
    (step) => {
      progress.show(step);
    },
    interruption.signal,
  );
  progress.clear();
  terminal.result(schemaText(description));
  terminal.json({
    sql: description.sql,
    columns: description.columns.map(({ name, type, because, fileType }) => ({
      name,
      type,
      ...(fileType === undefined ? {} : { fileType }),
      because: because === undefined ? null : { ...because, insteadOf: because.insteadOf ?? null },
    })),
  });
  return EXIT.done;
}

/** The statement with a line for each column, and in a comment what has decided its type. */
export function schemaText({ sql, columns }: TableDescription): string {
  const opening = sql.slice(0, sql.length - listOf(columns).length - ')'.length);
  const lines = columns.map(({ definition }, i) =>
    i < columns.length - 1 ? `${definition},` : definition,
  );
  const width = Math.max(...lines.map((line) => line.length));
  const commented = lines.map((line, i) => {
    // A name may hold anything, even a line end, behind which a comment would be none.
    const { because, fileType } = columns[i] ?? { because: undefined };
    const reason = escapeControls(fileType ?? reasonOf(because));
    return `  ${line.padEnd(width)}  -- ${reason}`;
  });
  return `${opening}\n${commented.join('\n')}\n);`;
}

function listOf(columns: TableDescription['columns']): string {
  return columns.map(({ definition }) => definition).join(', ');
}

function reasonOf(because: Evidence | undefined): string {
  if (because === undefined) return 'no value in the whole file';
  const { record, line, excerpt, insteadOf } = because;
  const place = `record ${countText(record)}, line ${countText(line)}`;
  return insteadOf === undefined
    ? `like ${excerpt} in ${place}`
    : `not ${insteadOf}: ${excerpt} in ${place}`;
}

/** `in/Orders 2026.csv.gz` → `"Orders 2026"`. */
function tableNameOf(file: string): string {
  const name = file
    .replace(/^.*[/\\]/, '')
    .replace(/(?<=.)\.(?:gz|zst|bz2)$/i, '')
    .replace(/(?<=.)\.[^.]*$/, '');
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
