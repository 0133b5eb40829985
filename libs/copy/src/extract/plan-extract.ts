import type { ExtractSpec, Manifest, Warning } from '@copyline/contracts';
import { quoteIdentifier, quoteLiteral } from '@copyline/dws-client';
import { createHash } from 'node:crypto';

import { escapeOf } from '../csv/dialect.ts';
import type { ExtractFacts } from './extract-facts.ts';
import { guardedName, guardFormulas } from './formula-guard.ts';
import { selectStatement } from './select-statement.ts';

/** Everything that is decided about an extract before the first row moves. Plain data. */
export interface ExtractPlan {
  readonly copyStatement: string;
  /** Whether the first row that the server sends is the header. */
  readonly hasHeader: boolean;
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
 * @throws CopylineError `COLUMN_NOT_FOUND`
 */
export function planExtract(spec: ExtractSpec, facts: ExtractFacts): ExtractPlan {
  const { csv } = spec;
  const plain = selectStatement(spec.from, facts.table);
  const select = csv.excelSafe ? guardFormulas(plain, facts.columns) : plain;
  return {
    copyStatement: `COPY (\n${select}\n) TO STDOUT ${copyOptions(csv)}`,
    hasHeader: csv.header,
    description: {
      manifest: 1,
      startedAt: facts.startedAt,
      source: {
        database: facts.database,
        table: facts.table === undefined ? null : `${facts.table.schema}.${facts.table.name}`,
        fingerprint: `sha256:${createHash('sha256').update(select).digest('hex')}`,
      },
      session: facts.session,
      format: spec.format,
      csv: { ...csv, escape: escapeOf(dialectOf(csv)) },
      compression: compressionOf(spec),
      columns: facts.columns.map(({ name, type }) => ({
        name: csv.excelSafe ? guardedName(name) : name,
        type,
      })),
    },
    warnings: planWarnings(spec, facts),
  };
}

/** What is asked for, else what the name of the file says. */
export function compressionOf({ compression, to }: ExtractSpec): 'none' | 'gzip' {
  return compression ?? (to !== 'stdout' && to.path.endsWith('.gz') ? 'gzip' : 'none');
}

/** The part of a dialect that also a reader knows. */
export function dialectOf(csv: ExtractSpec['csv']): Parameters<typeof escapeOf>[0] {
  const { delimiter, quote, escape, null: nullMarker } = csv;
  return { delimiter, quote, null: nullMarker, ...(escape === undefined ? {} : { escape }) };
}

function copyOptions(csv: ExtractSpec['csv']): string {
  const options = [
    'FORMAT csv',
    `HEADER ${String(csv.header)}`,
    `DELIMITER ${quoteLiteral(csv.delimiter)}`,
    `QUOTE ${quoteLiteral(csv.quote)}`,
    `ESCAPE ${quoteLiteral(escapeOf(dialectOf(csv)))}`,
    `NULL ${quoteLiteral(csv.null)}`,
    `ENCODING 'UTF8'`,
    ...(csv.quoting === 'all' ? ['FORCE_QUOTE *'] : []),
  ];
  return `(${options.join(', ')})`;
}

function planWarnings(spec: ExtractSpec, { table }: ExtractFacts): Warning[] {
  const warnings: Warning[] = [];
  if (table?.rowSecurity === true) {
    warnings.push({
      code: 'ROW_SECURITY',
      message: `Row-level security decides which rows of ${table.schema}.${table.name} this role sees`,
    });
  }
  if (spec.csv.excelSafe) {
    warnings.push({
      code: 'VALUES_ALTERED',
      message: 'excelSafe has put an apostrophe before texts that a spreadsheet would run',
    });
  }
  return warnings;
}
