import {
  CopylineError,
  type CsvOutput,
  csvOutputSchema,
  type ExtractSpec,
  type Manifest,
  type Warning,
} from '@copyline/contracts';
import { quoteIdentifier, quoteLiteral } from '@copyline/dws-client';
import { createHash } from 'node:crypto';

import { escapeOf } from '../csv/dialect.ts';
import type { ExtractFacts } from './extract-facts.ts';
import { guardedName, guardFormulas } from './formula-guard.ts';
import type { ParquetCompression } from './parquet/codec.ts';
import {
  isCastToText,
  isTextInstead,
  parquetColumn,
  type ParquetColumn,
} from './parquet/parquet-column.ts';
import { headerLine } from './header-line.ts';
import { castToText, selectStatement } from './select-statement.ts';

/** Everything that is decided about an extract before the first row moves. Plain data. */
export interface ExtractPlan {
  readonly copyStatement: string;
  /** What the files are made of. */
  readonly form:
    | {
        readonly format: 'csv';
        /** Whether the first row that the server sends is the header. */
        readonly hasHeader: boolean;
        /** What every file begins with, where the server sends no header that is wanted. */
        readonly header: Buffer | undefined;
        readonly compression: 'none' | 'gzip';
      }
    | {
        readonly format: 'parquet';
        readonly columns: readonly ParquetColumn[];
        readonly compression: ParquetCompression;
      };
  /** What the manifest says of all files together; known before they are. */
  readonly description: Omit<Manifest, 'extractId' | 'rows' | 'bytes' | 'files'>;
  readonly warnings: readonly Warning[];
}

/**
 * Settings that would change how values are written, and with that what they are read as: fixed as
 * pg_dump does. A TimeZone changes nothing of that: offsets are written. They end with the transaction.
 */
const PINNED = [
  'SET LOCAL DateStyle = ISO',
  'SET LOCAL IntervalStyle = postgres',
  'SET LOCAL extra_float_digits = 3',
  'SET LOCAL bytea_output = hex',
];

/** Run at the beginning of the extract's transaction; those of a savepoint end with it. */
export function sessionStatements(spec: ExtractSpec, isInside: boolean): string[] {
  const { searchPath, statementTimeoutMs } = spec;
  return [
    // A transaction of the caller may write, the extract in it must not.
    ...(isInside ? ['SET TRANSACTION READ ONLY'] : []),
    ...PINNED,
    ...(searchPath === undefined
      ? []
      : [`SET LOCAL search_path = ${searchPath.map(quoteIdentifier).join(', ') || `''`}`]),
    ...(statementTimeoutMs === undefined
      ? []
      : [`SET LOCAL statement_timeout = ${String(statementTimeoutMs)}`]),
  ];
}

/**
 * Decides how an extract is run. Pure: the same specification and facts give the same plan.
 *
 * @throws CopylineError `COLUMN_NOT_FOUND`, `QUERY_INVALID`
 */
export function planExtract(spec: ExtractSpec, facts: ExtractFacts): ExtractPlan {
  const plain = selectStatement(spec.from, facts.table);
  const { select, options, form, described, warnings } =
    formatOf(spec) === 'parquet' ? planParquet(spec, plain, facts) : planCsv(spec, plain, facts);
  return {
    copyStatement: `COPY (\n${select}\n) TO STDOUT ${options}`,
    form,
    description: {
      manifest: 1,
      startedAt: facts.startedAt,
      source: {
        database: facts.database,
        table: facts.table === undefined ? null : `${facts.table.schema}.${facts.table.name}`,
        fingerprint: `sha256:${createHash('sha256').update(select).digest('hex')}`,
      },
      session: facts.session,
      compression: form.compression,
      ...described,
    },
    warnings: [...rowSecurityWarnings(facts), ...warnings],
  };
}

/** What a format adds to the plan. */
interface FormatPlan {
  readonly select: string;
  readonly options: string;
  readonly form: ExtractPlan['form'];
  readonly described: Pick<Manifest, 'format' | 'csv' | 'columns'>;
  readonly warnings: readonly Warning[];
}

function planCsv(spec: ExtractSpec, plain: string, facts: ExtractFacts): FormatPlan {
  const csv = csvOf(spec);
  const compression = compressionOf(spec);
  const hasHeader = csv.header && facts.can.copyHeader;
  const names = facts.columns.map(({ name }) => (csv.excelSafe ? guardedName(name) : name));
  return {
    select: csv.excelSafe ? guardFormulas(plain, facts.columns) : plain,
    options: copyOptions(csv, hasHeader),
    form: {
      ...{ format: 'csv', hasHeader, compression },
      header: csv.header && !hasHeader ? headerLine(names, csv) : undefined,
    },
    described: {
      format: 'csv',
      csv: { ...csv, escape: escapeOf(dialectOf(csv)) },
      columns: facts.columns.map(({ type }, i) => ({ name: names[i] ?? '', type })),
    },
    warnings: csv.excelSafe
      ? [
          {
            code: 'VALUES_ALTERED',
            message: 'excelSafe has put an apostrophe before texts that a spreadsheet would run',
          },
        ]
      : [],
  };
}

/** @throws CopylineError `QUERY_INVALID` for columns of the same name: readers find them by it */
function planParquet(spec: ExtractSpec, plain: string, { columns }: ExtractFacts): FormatPlan {
  const twice = columns.find(({ name }, i) => columns.findIndex((c) => c.name === name) < i);
  if (twice !== undefined) {
    throw new CopylineError('QUERY_INVALID', `Two columns are called ${twice.name}`, {
      advice: 'Give each column a name of its own: select … as …',
    });
  }
  const planned = columns.map(parquetColumn);
  const asText = columns.filter(isTextInstead);
  const casts = columns.map(isCastToText);
  return {
    select: casts.includes(true) ? castToText(plain, columns, casts) : plain,
    options: '(FORMAT binary)',
    form: { format: 'parquet', columns: planned, compression: parquetCompressionOf(spec) },
    described: { format: 'parquet', columns: columns.map(({ name, type }) => ({ name, type })) },
    warnings:
      asText.length === 0
        ? []
        : [
            {
              code: 'COLUMNS_AS_TEXT',
              message: `Parquet has no type for them, so they are text: ${asText
                .map(({ name, type }) => `${name} (${type})`)
                .join(', ')}`,
            },
          ],
  };
}

/** What is asked for, else what the name of the file says. */
export function formatOf({ format, to }: Pick<ExtractSpec, 'format' | 'to'>): 'csv' | 'parquet' {
  return format ?? (to !== 'stdout' && /\.parquet$/i.test(to.path) ? 'parquet' : 'csv');
}

/** What is asked for, else what the name of the file says. */
function compressionOf({ compression, to }: ExtractSpec): 'none' | 'gzip' {
  if (compression === 'none' || compression === 'gzip') return compression;
  return to !== 'stdout' && to.path.endsWith('.gz') ? 'gzip' : 'none';
}

/** Snappy is what readers of Parquet expect, and costs next to nothing. */
function parquetCompressionOf({ compression }: ExtractSpec): ParquetCompression {
  return compression === 'none' || compression === 'zstd' ? compression : 'snappy';
}

/** How CSV is written, all defaults filled in. */
export function csvOf({ csv }: Pick<ExtractSpec, 'csv'>): CsvOutput {
  return csv ?? csvOutputSchema.parse({});
}

/** The part of a dialect that also a reader knows. */
export function dialectOf(csv: CsvOutput): Parameters<typeof escapeOf>[0] {
  const { delimiter, quote, escape, null: nullMarker } = csv;
  return { delimiter, quote, null: nullMarker, ...(escape === undefined ? {} : { escape }) };
}

function copyOptions(csv: CsvOutput, hasHeader: boolean): string {
  const options = [
    'FORMAT csv',
    ...(hasHeader ? ['HEADER true'] : []),
    `DELIMITER ${quoteLiteral(csv.delimiter)}`,
    `QUOTE ${quoteLiteral(csv.quote)}`,
    `ESCAPE ${quoteLiteral(escapeOf(dialectOf(csv)))}`,
    `NULL ${quoteLiteral(csv.null)}`,
    `ENCODING 'UTF8'`,
    ...(csv.quoting === 'all' ? ['FORCE_QUOTE *'] : []),
  ];
  return `(${options.join(', ')})`;
}

function rowSecurityWarnings({ table }: ExtractFacts): Warning[] {
  if (table?.rowSecurity !== true) return [];
  const message = `Row-level security decides which rows of ${table.schema}.${table.name} this role sees`;
  return [{ code: 'ROW_SECURITY', message }];
}
