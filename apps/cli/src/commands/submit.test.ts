import {
  CopylineError,
  extractRequestSchema,
  loadRequestSchema,
  refusedReport,
  reportError,
  scheduleSpecSchema,
  type ExtractJob,
  type LoadJob,
  type LoadReport,
} from '@copyline/contracts';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ageText, jobsText, jobText, waitingText } from '../output/job-text.ts';
import { cancelOutcome } from './jobs.ts';
import { extractReportOf, loadReportOf } from '../service/job-report.ts';
import { submittedWork, type SubmitFlags } from './submitted-work.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'copyline-submit-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function fileOf(text: string, name = 'load.yaml'): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

const NO_FLAGS = { header: true };

async function submittedLoad(named: string, flags: SubmitFlags): Promise<unknown> {
  const work = await submittedWork(named, flags);
  return work.type === 'load' ? work.load : work;
}

describe('the load that is submitted', () => {
  it('is a source and flags', async () => {
    const load = await submittedLoad('inbox:a.csv', {
      into: 'sales.orders',
      connection: 'warehouse',
      columns: ['a', 'b'],
      delimiter: ';',
      quote: "'",
      header: false,
      slot: 'monday',
      force: true,
    });
    expect(load).toMatchObject({
      source: 'inbox:a.csv',
      into: 'sales.orders',
      connection: 'warehouse',
      columns: ['a', 'b'],
      dialect: { delimiter: ';', quote: "'", escape: "'", header: false },
      slot: 'monday',
      force: true,
      create: false,
    });
  });

  it('maps columns as docs/loads.md has it, and flags win over what the file says', async () => {
    const file = fileOf(`source: inbox:orders.csv
into: sales.orders
dialect: { delimiter: ';', encoding: cp1252, skipFooter: 1 }
mapping:
  rename: { Order No: order_no }
  skip: [internal]
  set: { region: EU, src: { from: file }, rec: { from: record }, load_id: { from: loadId } }
  nulls: { qty: [NA, '-'] }
  extraColumns: skip
  missingColumns: default
`);
    const flags = { ...NO_FLAGS, set: [['region', 'US'] as const], trim: 'all' as const };
    expect(await submittedLoad(file, flags)).toMatchObject({
      dialect: { delimiter: ';', encoding: 'cp1252', skipFooter: 1, trim: 'all' },
      mapping: {
        rename: { 'Order No': 'order_no' },
        skip: ['internal'],
        set: { region: 'US' },
        nulls: { qty: ['NA', '-'] },
        extraColumns: 'skip',
        missingColumns: 'default',
      },
    });
    await expect(
      submittedLoad(
        fileOf('source: inbox:a.csv\ninto: t\nmapping:\n  set: { a: 1.10 }\n'),
        NO_FLAGS,
      ),
    ).rejects.toThrow(/mapping\.set\.a/);
  });

  it.each([
    [
      'YAML',
      'source: inbox:a.csv\ninto: t\ndialect:\n  quote: "\'"\n  header: false\n',
      'load.yaml',
    ],
    [
      'JSON',
      '{"source":"inbox:a.csv","into":"t","dialect":{"quote":"\'","header":false}}',
      'l.json',
    ],
  ])('is a file of %s, and flags win', async (_, text, name) => {
    const file = fileOf(text, name);
    expect(await submittedLoad(file, NO_FLAGS)).toMatchObject({
      source: 'inbox:a.csv',
      into: 't',
      connection: 'embedded',
      dialect: { quote: "'", escape: "'", header: false, delimiter: ',' },
    });
    const flags = { ...NO_FLAGS, into: 'u', delimiter: '|', connection: 'w' };
    expect(await submittedLoad(file, flags)).toMatchObject({
      into: 'u',
      connection: 'w',
      dialect: { quote: "'", delimiter: '|', header: false },
    });
  });

  it('is refused with all faults, and the lines of those in a file', async () => {
    const file = fileOf('source: ../a.csv\ninto: t\nslot: 5\nintoo: x\ndialect: 7\n');
    const refused = submittedLoad(file, NO_FLAGS);
    await expect(refused).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(refused).rejects.toThrow(
      /(?=.*line 1: source)(?=.*line 5: dialect)(?=.*line 3: slot)(?=.*line 4: intoo)/,
    );
  });

  it.each([
    ['inbox:a.csv', 'USAGE', /--into/],
    ['orders.csv', 'USAGE', /neither root:path/],
    ['/in/orders.csv', 'USAGE', /neither root:path/],
    ['inbox:../a.csv', 'REQUEST_INVALID', /source/],
    ['nothing.yaml', 'REQUEST_INVALID', /cannot be read/],
  ])('is not %s', async (named, code, says) => {
    const flags = code === 'USAGE' && named.includes(':') ? NO_FLAGS : { ...NO_FLAGS, into: 't' };
    const refused = submittedLoad(named, flags);
    await expect(refused).rejects.toMatchObject({ code });
    await expect(refused).rejects.toThrow(says);
  });
});

const REPORT: LoadReport = {
  ...refusedReport(new CopylineError('INTERNAL', '')),
  status: 'loaded',
  target: { database: 'd', table: 'public.t', created: false },
  source: 'inbox:a.csv',
  rowsLoaded: 7,
  error: null,
};

function job(change: Partial<LoadJob>): LoadJob {
  return {
    type: 'load',
    id: 'aaaaaaaa-1111-4111-8111-111111111111',
    state: 'queued',
    load: loadRequestSchema.parse({ source: 'inbox:a.csv', into: 't' }),
    schedule: null,
    runs: 0,
    cancelRequested: false,
    createdAt: '2026-11-21T10:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    nextRunAt: null,
    worker: null,
    progress: null,
    report: null,
    error: null,
    revision: 1,
    ...change,
  };
}

const BUSY = reportError(new CopylineError('LOAD_BUSY', 'Another run'));

describe('the report of a submitted load', () => {
  it('is that of the worker', () => {
    expect(loadReportOf(job({ state: 'done', report: REPORT }))).toBe(REPORT);
    const failed = { ...REPORT, status: 'failed', error: BUSY } as const;
    expect(loadReportOf(job({ state: 'failed', report: failed, error: BUSY }))).toEqual(failed);
  });

  it('says why, where no worker has written one', () => {
    const lost = reportError(new CopylineError('WORKER_LOST', 'Died'));
    expect(loadReportOf(job({ state: 'failed', error: lost }))).toMatchObject({
      status: 'failed',
      source: 'inbox:a.csv',
      target: { table: 't' },
      error: { code: 'WORKER_LOST' },
    });
  });

  it('of a cancelled job says that, whatever it had met before', () => {
    const before = { ...REPORT, status: 'failed', error: BUSY } as const;
    for (const report of [null, before]) {
      expect(loadReportOf(job({ state: 'cancelled', report, error: BUSY }))).toMatchObject({
        status: 'failed',
        error: { code: 'JOB_CANCELLED' },
      });
    }
  });
});

describe('the outcome of a cancellation', () => {
  it.each([
    [{ state: 'cancelled' }, 'Job aaaaaaaa is cancelled; nothing is loaded', 0],
    [
      { state: 'done', report: REPORT },
      'Job aaaaaaaa is done all the same: COMMIT had been sent. 7 rows are in t',
      1,
    ],
    [{ state: 'failed' }, 'Job aaaaaaaa had failed by itself; nothing is loaded', 0],
    [
      { state: 'failed', error: { ...BUSY, commitState: 'committed' } },
      'Job aaaaaaaa had failed by itself, after COMMIT: its rows are in t',
      1,
    ],
    [
      { state: 'failed', error: { ...BUSY, commitState: 'unknown' } },
      'Job aaaaaaaa had failed by itself; what became of COMMIT is not known',
      4,
    ],
    [
      { state: 'running' },
      'Job aaaaaaaa is to be cancelled but has not ended within 30 s; it is running',
      4,
    ],
  ] as const)('%j is told as it is', (change, text, exitCode) => {
    expect(cancelOutcome(job(change as Partial<LoadJob>))).toEqual({ text, exitCode });
  });
});

describe('jobs', () => {
  const NOW = new Date('2026-11-21T12:05:00.000Z');
  const progress = {
    phase: 'copy',
    bytesRead: 25,
    bytesTotal: 100,
    rowsParsed: 3,
    bytesPerSecond: 5,
    rowsPerSecond: 1,
    secondsLeft: 15,
  };

  it('are listed with what matters', () => {
    const jobs = [
      job({ state: 'done', report: REPORT }),
      job({ state: 'running', progress, createdAt: '2026-11-21T12:04:30.000Z' }),
      job({ state: 'waiting', error: BUSY, createdAt: '2026-11-19T12:04:30.000Z' }),
    ];
    expect(jobsText(jobs, NOW).split('\n').slice(2)).toEqual([
      ' aaaaaaaa │ load │ done              │ inbox:a.csv │ embedded · t │    7 │ 2 h',
      ' aaaaaaaa │ load │ running 25 %      │ inbox:a.csv │ embedded · t │      │ 30 s',
      ' aaaaaaaa │ load │ waiting LOAD_BUSY │ inbox:a.csv │ embedded · t │      │ 2 d',
    ]);
  });

  it('are shown in full, with the rate that the worker has measured', () => {
    const text = jobText(job({ state: 'running', progress, cancelRequested: true }), false);
    expect(text).toMatch(/^job +aaaaaaaa-1111/);
    expect(text).toContain('state        running, to be cancelled');
    expect(text).toMatch(/25 bytes of 100 bytes {2}3 rows {2}5 bytes\/s {2}15\.0 s left/);
    expect(jobText(job({ state: 'failed', error: BUSY }), false)).toContain('✖ LOAD_BUSY');
  });

  it('say what they wait for', () => {
    expect(waitingText(job({}))).toBe('waiting for a worker …');
    expect(waitingText(job({ runs: 1 }))).toBe('waiting for another worker …');
    expect(waitingText(job({ state: 'waiting', error: BUSY }))).toContain('LOAD_BUSY');
  });

  it.each([
    ['2026-11-21T12:05:01.000Z', '0 s'],
    ['2026-11-21T12:04:01.000Z', '59 s'],
    ['2026-11-21T12:04:00.000Z', '1 min'],
    ['2026-11-20T12:05:00.000Z', '1 d'],
  ])('since %s are %s old', (since, text) => {
    expect(ageText(since, NOW)).toBe(text);
  });
});

describe('the extract that is submitted', () => {
  const EXAMPLES = new URL('../../../../examples/submit-extract/', import.meta.url).pathname;

  it('is a table or a query, a sink and flags', async () => {
    const flags = { ...NO_FLAGS, to: 'outbox:a.csv', columns: ['a', 'b'], overwrite: true };
    expect(await submittedWork(undefined, { ...flags, table: 't', where: 'a > 1' })).toMatchObject({
      type: 'extract',
      extract: {
        from: { table: 't', columns: ['a', 'b'], where: 'a > 1' },
        to: 'outbox:a.csv',
        connection: 'embedded',
        overwrite: true,
      },
    });
    const query = { header: false, to: 'outbox:a.csv', query: 'select 1', quote: "'" };
    expect(await submittedWork(undefined, query)).toMatchObject({
      extract: { from: { query: 'select 1' }, csv: { header: false, quote: "'", escape: "'" } },
    });
  });

  it('is a file, and flags win', async () => {
    const file = join(EXAMPLES, 'november.yaml');
    expect(await submittedWork(file, NO_FLAGS)).toMatchObject({
      extract: { connection: 'warehouse', from: { table: 'sales.orders' }, rowsPerFile: 1_000_000 },
    });
    expect(
      await submittedWork(file, { ...NO_FLAGS, where: 'true', to: 'outbox:b.csv' }),
    ).toMatchObject({
      extract: {
        from: {
          table: 'sales.orders',
          where: 'true',
          columns: ['id', 'day', 'customer', 'amount'],
        },
        to: 'outbox:b.csv',
        csv: { delimiter: ';', null: '\\N' },
      },
    });
    const schedule: unknown = JSON.parse(readFileSync(join(EXAMPLES, 'nightly.json'), 'utf8'));
    expect(scheduleSpecSchema.parse(schedule)).toMatchObject({ overlap: 'skip' });
  });

  it.each([
    ['nothing', undefined, {}, 'USAGE', /A load has a source/],
    ['a sink alone', undefined, { to: 'outbox:a.csv' }, 'USAGE', /--table or --query/],
    ['a slot', undefined, { to: 'o:a', table: 't', slot: 's' }, 'USAGE', /--slot: an extract/],
    ['a load with --to', 'inbox:a.csv', { to: 'o:a', into: 't' }, 'USAGE', /--to: a load/],
    ['a path', undefined, { to: '/tmp/a.csv', table: 't' }, 'REQUEST_INVALID', /to: is written/],
  ] as const)('is not %s', async (_, named, flags, code, says) => {
    const refused = submittedWork(named, { ...NO_FLAGS, ...flags });
    await expect(refused).rejects.toMatchObject({ code });
    await expect(refused).rejects.toThrow(says);
  });

  it('is refused with the lines of its faults', async () => {
    const file = fileOf('to: outbox:../a.csv\nfrom: 7\noverwrite: maybe\n');
    await expect(submittedWork(file, NO_FLAGS)).rejects.toThrow(
      /(?=.*line 1: to)(?=.*line 2: from)(?=.*line 3: overwrite)/,
    );
  });
});

describe('a submitted extract', () => {
  const { load: _load, type: _type, ...members } = job({});
  const extract = extractRequestSchema.parse({ from: { table: 't' }, to: 'outbox:a.csv' });
  const extractJob = (change: Partial<ExtractJob>): ExtractJob => ({
    ...{ ...members, type: 'extract', extract, progress: null, report: null },
    ...change,
  });

  it('is listed and shown beside loads', () => {
    const progress = {
      ...{ phase: 'copy', bytesRead: 2_000_000, rowsRead: 3_000 },
      ...{ bytesPerSecond: 1_000_000, rowsPerSecond: 1 },
    };
    const running = extractJob({ state: 'running', progress });
    expect(jobsText([running], new Date('2026-11-21T10:00:30.000Z')).split('\n')[2]).toBe(
      ' aaaaaaaa │ extract │ running │ embedded · t │ outbox:a.csv │      │ 30 s',
    );
    const text = jobText(running, false);
    expect(text).toContain('extracting  3,000 rows  2.00 MB  1.00 MB/s');
    expect(text).toMatch(/to +outbox:a\.csv/);
  });

  it('that was cancelled says so', () => {
    const cancelled = extractJob({ state: 'cancelled' });
    expect(extractReportOf(cancelled)).toMatchObject({
      ...{ status: 'failed', to: 'outbox:a.csv' },
      error: { code: 'JOB_CANCELLED', source: 'outbox:a.csv' },
    });
    expect(cancelOutcome(cancelled)).toEqual({
      text: 'Job aaaaaaaa is cancelled; nothing is published',
      exitCode: 0,
    });
    expect(cancelOutcome(extractJob({ state: 'done' })).exitCode).toBe(1);
  });
});
