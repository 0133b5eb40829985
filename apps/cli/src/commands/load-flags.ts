import type { LoadSpecInput, RejectLimit } from '@copyline/contracts';
import { Option, type Command } from 'commander';

import { describedMapping, type MappingFlags } from './mapping-flags.ts';
import {
  parseByteSize,
  parseCharacter,
  parseCount,
  parseDelimiter,
  parseEncoding,
  parseRejectLimit,
  parseSeconds,
  type Encoding,
} from './values.ts';

/** Flags that describe a load, wherever it runs. */
export interface LoadFlags extends MappingFlags {
  readonly into?: string;
  readonly create?: boolean;
  readonly format?: 'csv' | 'jsonl' | 'parquet';
  readonly nested?: 'refuse' | 'json';
  readonly nanoseconds?: 'refuse' | 'truncate';
  readonly delimiter?: string;
  readonly quote?: string;
  readonly escape?: string;
  readonly null?: string;
  readonly header: boolean;
  readonly skipLines?: number;
  readonly skipBlankLines?: boolean;
  readonly skipFooter?: number;
  readonly comment?: string;
  readonly relaxedQuotes?: boolean;
  readonly encoding?: Encoding;
  readonly trim?: 'none' | 'unquoted' | 'all';
  readonly maxRecordSize?: number;
  readonly maxUnpackedSize?: number;
  readonly maxUnpackRatio?: number;
  readonly settle?: number;
  readonly doneMarker?: string;
  readonly ledger?: 'target' | 'none';
  readonly lane?: 'binary' | 'text' | 'byte' | 'tolerant';
  readonly slot?: string;
  readonly force?: boolean;
  readonly allowEmpty?: boolean;
  readonly onError?: 'abort' | 'continue';
  readonly rejectLimit?: RejectLimit;
}

/** Not of `submit`, whose formats are those of extracts, too. */
export function addFormatFlags(command: Command): Command {
  return addParquetFlags(
    command.addOption(
      new Option(
        '--format <format>',
        'format (default: JSON Lines or Parquet where the name or the content says so, else CSV)',
      ).choices(['csv', 'jsonl', 'parquet']),
    ),
  );
}

export function addParquetFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--nested <what>',
        'lists, maps and structs of a Parquet file: refused, or loaded as JSON (default: refuse)',
      ).choices(['refuse', 'json']),
    )
    .addOption(
      new Option(
        '--nanoseconds <what>',
        'times of a Parquet file finer than microseconds: refused, or cut off (default: refuse)',
      ).choices(['refuse', 'truncate']),
    );
}

/** Whether a file is complete. */
export function addReadinessFlags(command: Command): Command {
  return command
    .option(
      '--settle <seconds>',
      'a file that was written to more recently may not be complete (default: 0)',
      parseSeconds,
    )
    .option(
      '--done-marker <suffix>',
      'a file is complete when one of its name with this suffix is there, such as .done',
    );
}

export function addDialectFlags(command: Command): Command {
  return command
    .option(
      '--delimiter <c>',
      'one character or several, \\t or \\x01 (default: ,)',
      parseDelimiter,
    )
    .option('--quote <c>', 'one character (default: ")', parseCharacter)
    .option('--escape <c>', 'one character (default: the quote)', parseCharacter)
    .option('--null <text>', 'unquoted text that is NULL (default: nothing)')
    .option('--no-header', 'the first record is data')
    .option('--skip-lines <n>', 'physical lines before the header', parseCount)
    .option('--skip-footer <n>', 'physical lines at the end that are not read', parseCount)
    .option('--comment <text>', 'lines that begin with it are nothing')
    .option('--relaxed-quotes', 'quotes where none may stand belong to the value')
    .option(
      '--encoding <name>',
      'utf-8, utf-16le, utf-16be, latin-1 or cp1252 (default: of the byte order mark, else utf-8)',
      parseEncoding,
    )
    .option('--skip-blank-lines', 'blank lines are no records')
    .addOption(
      new Option(
        '--trim <fields>',
        'blanks and tabs around values are dropped, of unquoted fields or of all (default: none)',
      ).choices(['none', 'unquoted', 'all']),
    )
    .option('--max-record-size <size>', 'largest record (default: 64MB)', parseByteSize)
    .option(
      '--max-unpacked-size <size>',
      'most that a packed file may unfold to (default: 1024GB)',
      parseByteSize,
    )
    .option(
      '--max-unpack-ratio <n>',
      'most unpacked bytes for each byte, from 64 MB on (default: 500)',
      parseCount,
    );
}

export function addLaneFlag(command: Command): Command {
  return command.addOption(
    new Option(
      '--lane <lane>',
      'how records reach the server: in its binary form, in its text form, as the bytes that they are, or rewritten from a wider dialect (default: the fastest that can take them)',
    ).choices(['binary', 'text', 'byte', 'tolerant']),
  );
}

export function addActionFlags(command: Command): Command {
  return addLaneFlag(command)
    .addOption(
      new Option(
        '--on-error <mode>',
        'what a refused record does: end the load, or be kept as a reject (default: abort)',
      ).choices(['abort', 'continue']),
    )
    .option(
      '--reject-limit <n|n%>',
      'rejects that are allowed; one more rolls everything back (default: any number)',
      parseRejectLimit,
    )
    .option('--force', 'load again although the content is loaded; recorded')
    .option('--slot <name>', 'the same content may be loaded once for each slot')
    .option('--allow-empty', 'a file of zero bytes is a load of zero rows');
}

type Description = Omit<LoadSpecInput, 'source' | 'ledgerSchema' | 'into'> & { into?: string };

/** What the flags say of a load; a default belongs to the specification, not to the command line. */
export function describedLoad(flags: LoadFlags): Description {
  const { delimiter, quote, skipLines, skipBlankLines, trim } = flags;
  const { skipFooter, comment, relaxedQuotes, encoding } = flags;
  const { into, columns, create, format, ledger, lane, slot } = flags;
  const { force, allowEmpty, maxRecordSize, onError, rejectLimit } = flags;
  const { maxUnpackedSize, maxUnpackRatio, settle, doneMarker } = flags;
  const dialect = given({
    delimiter,
    quote,
    escape: flags.escape ?? quote,
    null: flags.null,
    header: flags.header ? undefined : false,
    skipLines,
    skipBlankLines,
    skipFooter,
    comment,
    relaxedQuotes,
    encoding,
    trim,
  });
  const mapping = describedMapping(flags);
  const parquet = given({ nested: flags.nested, nanoseconds: flags.nanoseconds });
  return {
    dialect,
    ...(Object.keys(mapping).length === 0 ? {} : { mapping }),
    ...(Object.keys(parquet).length === 0 ? {} : { parquet }),
    ...given({ into, columns, create, format, ledger, lane, slot, force, allowEmpty }),
    ...given({ maxRecordBytes: maxRecordSize, onError, rejectLimit, doneMarker }),
    ...given({ maxUnpackedBytes: maxUnpackedSize, maxUnpackRatio }),
    ...given({ settleMs: settle === undefined ? undefined : Math.round(settle * 1000) }),
  };
}

/** Only what was given. */
export function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
