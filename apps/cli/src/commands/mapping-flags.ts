import type { LoadSpecInput, SetValue } from '@copyline/contracts';
import { InvalidArgumentError, Option, type Command } from 'commander';

import { parseNames } from './values.ts';

/** Flags that say which fields go into which columns, and what else goes there. */
export interface MappingFlags {
  readonly columns?: string[];
  readonly map?: Pair[];
  readonly skipColumns?: string[];
  readonly set?: Pair[];
  readonly nullFor?: Pair[];
  readonly trimFor?: TrimPair[];
  readonly extraColumns?: 'refuse' | 'skip';
  readonly missingColumns?: 'refuse' | 'default';
}

type Pair = readonly [name: string, value: string];
type TrimPair = readonly [name: string, trim: 'none' | 'unquoted' | 'all'];

export function addMappingFlags(
  command: Command,
  columnsText = "columns of the file's fields by position",
): Command {
  return command
    .option('--columns <a,b,…>', columnsText, parseNames)
    .option(
      '--map <field=column>',
      'the column for a field that has another name in the header; repeatable',
      collect,
    )
    .option('--skip-columns <a,b,…>', 'fields that are not loaded', parseNames)
    .option(
      '--set <column=value>',
      'a value for all rows; {file}, {record} and {loadId} are the name of the file, the number of the record, the id of the load; repeatable',
      collect,
    )
    .option(
      '--null-for <column=text>',
      'unquoted text that is NULL in the column, in the place of --null; repeatable',
      collect,
    )
    .option(
      '--trim-for <column=fields>',
      'none, unquoted or all: what is trimmed of the column, in the place of --trim; repeatable',
      collectTrim,
    )
    .addOption(
      new Option(
        '--extra-columns <policy>',
        'fields that the table has no column for (default: refuse)',
      ).choices(['refuse', 'skip']),
    )
    .addOption(
      new Option(
        '--missing-columns <policy>',
        'columns that the file does not have; default: their default, else NULL (default: refuse)',
      ).choices(['refuse', 'default']),
    );
}

/** What the flags say; only what was given. */
export function describedMapping(flags: MappingFlags): NonNullable<LoadSpecInput['mapping']> {
  const { map, skipColumns, set, nullFor, trimFor, extraColumns, missingColumns } = flags;
  return {
    ...(map && { rename: Object.fromEntries(map) }),
    ...(skipColumns && { skip: skipColumns }),
    ...(set && { set: Object.fromEntries(set.map(([name, text]) => [name, setValue(text)])) }),
    ...(nullFor && { nulls: grouped(nullFor) }),
    ...(trimFor && { trims: Object.fromEntries(trimFor) }),
    ...(extraColumns && { extraColumns }),
    ...(missingColumns && { missingColumns }),
  };
}

/** `name=value`; a name with an equals sign is put in double quotes. */
export function parsePair(text: string): Pair {
  const match = /^(?:"((?:[^"]|"")+)"|([^="][^=]*))=(.*)$/s.exec(text);
  if (match === null) throw new InvalidArgumentError('Give name=value.');
  const [, quoted, plain = '', value = ''] = match;
  return [quoted?.replaceAll('""', '"') ?? plain, value];
}

function collect(text: string, before: readonly Pair[] = []): readonly Pair[] {
  return [...before, parsePair(text)];
}

function collectTrim(text: string, before: readonly TrimPair[] = []): readonly TrimPair[] {
  const [name, trim] = parsePair(text);
  if (trim !== 'none' && trim !== 'unquoted' && trim !== 'all') {
    throw new InvalidArgumentError('Give column=none, column=unquoted or column=all.');
  }
  return [...before, [name, trim]];
}

function setValue(text: string): SetValue {
  const from = /^\{(file|record|loadId)\}$/.exec(text)?.[1];
  return from === undefined ? text : { from: from as 'file' | 'record' | 'loadId' };
}

function grouped(pairs: readonly Pair[]): Record<string, string[]> {
  const lists = new Map<string, string[]>();
  for (const [name, text] of pairs) lists.set(name, [...(lists.get(name) ?? []), text]);
  return Object.fromEntries(lists);
}
