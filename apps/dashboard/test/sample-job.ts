import type {
  ExtractJob,
  ExtractReport,
  LoadJob,
  LoadReport,
  ReportError,
} from '@copyline/contracts';

/** The moment in which the tests take place. */
export const NOW = Date.parse('2026-11-21T12:00:00.000Z');

export function ago(seconds: number): string {
  return new Date(NOW - seconds * 1000).toISOString();
}

/** A queued load, but for what a test cares about. */
export function sampleJob(more: Partial<LoadJob> = {}): LoadJob {
  return {
    type: 'load',
    id: '0198c0de-0001-7a11-8bad-000000000001',
    state: 'queued',
    load: {
      source: 'inbox:airports.csv',
      connection: 'embedded',
      into: 'airports',
      format: 'csv',
      parquet: { nested: 'refuse', nanoseconds: 'refuse' },
      dialect: {
        delimiter: ',',
        quote: '"',
        escape: '"',
        null: '',
        header: true,
        skipLines: 0,
        skipFooter: 0,
        relaxedQuotes: false,
        skipBlankLines: false,
        trim: 'none',
      },
      create: false,
      mapping: {
        ...{ rename: {}, skip: [], set: {}, nulls: {}, trims: {} },
        extraColumns: 'refuse',
        missingColumns: 'refuse',
      },
      onError: 'abort',
      settleMs: 0,
      maxUnpackedBytes: 2 ** 40,
      maxUnpackRatio: 500,
      allowEmpty: false,
      ledger: 'target',
      slot: '',
      force: false,
      maxRecordBytes: 67_108_864,
    },
    schedule: null,
    runs: 0,
    cancelRequested: false,
    createdAt: ago(3),
    startedAt: null,
    finishedAt: null,
    nextRunAt: null,
    worker: null,
    progress: null,
    report: null,
    error: null,
    revision: 1,
    ...more,
  };
}

export function sampleReport(more: Partial<LoadReport> = {}): LoadReport {
  return {
    loadId: 'f3a1',
    status: 'loaded',
    guarantee: 'exactly-once',
    target: { database: 'postgresql://db/dwh', table: 'public.airports', created: false },
    source: 'inbox:airports.csv',
    files: [],
    rowsParsed: 1000,
    rowsLoaded: 1000,
    rowsRejected: 0,
    rejects: [],
    rowsSkipped: 0,
    rowsSuppressed: 0,
    columns: null,
    bytesRead: 50_000_000,
    durationMs: 2500,
    phases: { connect: 10, copy: 2000, commit: 30 },
    lane: null,
    attempts: 1,
    deduplicated: false,
    warnings: [],
    error: null,
    ...more,
  };
}

export function sampleError(more: Partial<ReportError> = {}): ReportError {
  return {
    code: 'VALUE_REFUSED',
    message: 'The server refused “x” for column price.',
    source: null,
    record: null,
    line: null,
    column: null,
    byteOffset: null,
    excerpt: null,
    expected: null,
    sqlstate: null,
    retry: 'never',
    commitState: 'rolled_back',
    located: false,
    advice: 'Correct the value.',
    ...more,
  };
}

/** A queued extract, but for what a test cares about. */
export function sampleExtract(more: Partial<ExtractJob> = {}): ExtractJob {
  const { load: _load, type: _type, ...rest } = sampleJob();
  return {
    ...{ ...rest, progress: null, report: null },
    type: 'extract',
    extract: {
      from: { table: 'sales.orders' },
      to: 'outbox:orders.csv',
      connection: 'warehouse',
      csv: {
        delimiter: ',',
        quote: '"',
        null: '',
        header: true,
        quoting: 'needed',
        excelSafe: false,
      },
      overwrite: false,
    },
    ...more,
  };
}

export function sampleExtractReport(more: Partial<ExtractReport> = {}): ExtractReport {
  return {
    extractId: '0198c0de-0001-7a11-8bad-000000000001',
    status: 'extracted',
    source: { database: 'postgresql://db/dwh', table: 'sales.orders' },
    to: 'outbox:orders.csv',
    manifest: 'outbox:orders.csv.manifest.json',
    files: [{ name: 'orders.csv', rows: 1000, bytes: 50_000, digest: `xxh128:${'0'.repeat(32)}` }],
    rowsExtracted: 1000,
    bytesWritten: 50_000,
    rowsRead: 1000,
    bytesRead: 50_000,
    durationMs: 2500,
    phases: { connect: 10, copy: 2000, publish: 30 },
    warnings: [],
    error: null,
    ...more,
  };
}
