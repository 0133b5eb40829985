import { loadSpecSchema, type LoadReport, type LoadSpecInput } from '@copyline/contracts';
import { capabilitiesOf } from '@copyline/dws-client';
import { describe, expect, it } from 'vitest';

import type { DoneLoad } from '../ledger/ledger-records.ts';
import type { ColumnFacts, LoadFacts, TableFacts } from './facts.ts';
import { planLoad, type LoadPlan } from './plan-load.ts';
import { parseTableName } from './table-name.ts';

const VERSION = { bytes: 100, modifiedNs: 1n, changedNs: 2n, inode: 3n };

function column(name: string, more: Partial<ColumnFacts> = {}): ColumnFacts {
  return {
    name,
    type: 'text',
    valueType: { name: 'text', kind: 'base', typmod: -1 },
    required: false,
    hasDefault: false,
    generated: false,
    insertable: true,
    ...more,
  };
}

const TABLE: TableFacts = {
  oid: 4711,
  schema: 'public',
  name: 't',
  kind: 'table',
  unlogged: false,
  columns: [column('id'), column('name')],
  hasRowTrigger: false,
  hasStatementTrigger: false,
  hasRowSecurity: false,
};

const FACTS: LoadFacts = {
  session: {
    can: capabilitiesOf({ flavour: 'postgres', version: '18.4' }),
    database: 'db',
    currentSchema: 'public',
    serverVersion: '18.4',
    serverVersionNumber: 180_004,
    serverEncoding: 'UTF8',
    dateStyle: 'ISO, MDY',
    timeZone: 'UTC',
    synchronousCommit: 'on',
  },
  table: TABLE,
  schemaExists: true,
  source: {
    name: 'orders.csv',
    canonical: 'file://host/orders.csv',
    version: VERSION,
    head: {
      dataStart: { byteOffset: 8, records: 0, lines: 1, lineEnd: 'lf' },
      header: ['id', 'name'],
      firstRecordFields: 2,
      reading: {
        format: 'csv',
        compression: 'none',
        unpackLimits: { maxUnpackedBytes: 1, maxUnpackRatio: 1 },
        encoding: 'utf-8',
        bomBytes: 0,
        end: 100,
        tolerant: undefined,
        json: undefined,
      },
      isEmpty: false,
    },
  },
  inferred: undefined,
  ledger: { generation: 0n, lastOfSource: undefined, sameSizeKnown: false },
};

function plan(spec: Partial<LoadSpecInput> = {}, facts: Partial<LoadFacts> = {}): LoadPlan {
  const full = loadSpecSchema.parse({ source: { path: 'orders.csv' }, into: 't', ...spec });
  return planLoad(full, parseTableName(full.into), { ...FACTS, ...facts });
}

function done(fingerprint: string, version = VERSION): DoneLoad {
  return {
    loadId: 'a',
    fingerprint,
    finishedAt: '',
    source: '',
    report: {} as LoadReport,
    version,
  };
}

function known(last: DoneLoad | undefined, sameSizeKnown = last !== undefined): Partial<LoadFacts> {
  return { ledger: { generation: 0n, lastOfSource: last, sameSizeKnown } };
}

describe('a plan', () => {
  it('copies the fields in the order of the file, every name quoted', () => {
    const { head } = FACTS.source;
    const header = ['na"me', 'id'];
    const { copyStatements } = plan(
      { dialect: { delimiter: '\t', null: "it's" } },
      {
        table: { ...TABLE, columns: [column('id'), column('na"me')] },
        source: { ...FACTS.source, head: { ...head, header } },
      },
    );
    expect(copyStatements.csv).toBe(
      `COPY "public"."t" ("na""me", "id") FROM STDIN (FORMAT csv, DELIMITER '\t', QUOTE '"', ESCAPE '"', NULL 'it''s', ENCODING 'UTF8')`,
    );
  });

  it('can only ever copy from STDIN, whatever a name looks like', () => {
    const table = { ...TABLE, name: `t" FROM PROGRAM 'sh'; --` };
    expect(plan({}, { table }).copyStatements.csv).toMatch(
      /^COPY "public"\."t"" FROM PROGRAM 'sh'; --" \("id", "name"\) FROM STDIN \(/,
    );
  });

  it('creates the table in the same transaction, and its schema where there is none', () => {
    const missing = { table: undefined, inferred: ['bigint', 'text'] as const };
    expect(plan({ create: true }, missing).statementsBefore.slice(1)).toEqual([
      'CREATE TABLE "public"."t" ("id" bigint, "name" text)',
    ]);
    const elsewhere = plan({ create: true, into: 'sales.t' }, { ...missing, schemaExists: false });
    expect(elsewhere.statementsBefore.slice(1)).toEqual([
      'CREATE SCHEMA "sales"',
      'CREATE TABLE "sales"."t" ("id" bigint, "name" text)',
    ]);
  });

  it('makes the commit wait for the disk when the session would not', () => {
    const session = { ...FACTS.session, synchronousCommit: 'off' };
    const last = plan({}, { session }).statementsBefore.at(-1);
    expect(last).toBe('SET LOCAL synchronous_commit = on');
  });

  it('takes the binary lane where it can, and says why where it cannot', () => {
    const point = column('at', {
      type: 'point',
      valueType: { name: 'point', kind: 'base', typmod: -1 },
    });
    const laneOf = (...args: Parameters<typeof plan>): [string, string] => {
      const { name, reason } = plan(...args).lane;
      return [name, reason];
    };
    const table = { ...TABLE, columns: [...TABLE.columns, point] };
    const head = { ...FACTS.source.head, header: ['id', 'name', 'at'] };
    const withPoint = { table, source: { ...FACTS.source, head } };
    expect(laneOf()).toEqual(['binary', 'every column has an encoder']);
    expect(laneOf({ lane: 'byte' })).toEqual(['byte', 'it was asked for']);
    expect(laneOf({ lane: 'text' })).toEqual(['text', 'it was asked for']);
    expect(laneOf({}, withPoint)).toEqual([
      'text',
      'column at is of type point, which has no encoder',
    ]);
    expect(() => plan({ lane: 'binary' }, withPoint)).toThrow(/LANE_UNSUITABLE|no encoder/);
    expect(laneOf({}, { table: { ...TABLE, hasStatementTrigger: true } })).toEqual([
      'text',
      'a trigger fires for each COPY',
    ]);
    expect(laneOf({}, { session: { ...FACTS.session, serverEncoding: 'LATIN1' } })).toEqual([
      'text',
      'the database’s encoding is LATIN1',
    ]);
  });

  it.each([
    ['a table', {}, 'exactly-once'],
    ['an unlogged table', { unlogged: true }, 'at-least-once'],
    ['a foreign table', { kind: 'foreign table' }, 'at-least-once'],
  ] as const)('into %s with %o promises %s', (_, more, guarantee) => {
    expect(plan({}, { table: { ...TABLE, ...more } }).guarantee).toBe(guarantee);
  });

  it('promises less without a ledger', () => {
    expect(plan({ ledger: 'none' }, { ledger: undefined }).guarantee).toBe('at-least-once');
  });

  it.each([
    [1, {}, 'record'],
    [2, {}, 'trailing'],
    [2, { skipBlankLines: true }, 'skip'],
  ] as const)('reads blank lines of %d columns with %o as %s', (count, dialect, blankLines) => {
    const columns = [column('id'), column('name')].slice(0, count);
    const header = columns.map(({ name }) => name);
    const source = { ...FACTS.source, head: { ...FACTS.source.head, header } };
    expect(plan({ dialect }, { table: { ...TABLE, columns }, source }).scanner.blankLines).toBe(
      blankLines,
    );
  });

  it('refuses an empty source unless that is allowed', () => {
    const empty = {
      source: {
        ...FACTS.source,
        version: { ...VERSION, bytes: 0 },
        head: { ...FACTS.source.head, header: undefined, firstRecordFields: undefined },
      },
    };
    expect(() => plan({}, empty)).toThrow(expect.objectContaining({ code: 'EMPTY_SOURCE' }));
    expect(plan({ allowEmpty: true }, empty).columns).toEqual(['id', 'name']);
  });

  it('refuses a source whose header was skipped with everything else', () => {
    const head = { ...FACTS.source.head, header: undefined, firstRecordFields: undefined };
    const source = { ...FACTS.source, head };
    expect(() => plan({}, { source })).toThrow(/no header/);
    expect(() => plan({}, { source })).toThrow(expect.objectContaining({ code: 'EMPTY_SOURCE' }));
  });

  it('says which delimiter was meant when the only column looks like several', () => {
    const head = { ...FACTS.source.head, header: ['a;b;c'] };
    const missing = { table: undefined, inferred: ['text'] as const };
    const { warnings } = plan({ create: true }, { ...missing, source: { ...FACTS.source, head } });
    expect(warnings.map((warning) => warning.code)).toEqual(['ONE_COLUMN']);
    expect(warnings[0]?.message).toContain("--delimiter ';'");
  });

  it('refuses a missing table unless it may create it', () => {
    expect(() => plan({}, { table: undefined })).toThrow(
      expect.objectContaining({ code: 'TABLE_NOT_FOUND' }),
    );
  });
});

describe('the ledger in a plan', () => {
  const { fingerprint } = plan().ledger ?? { fingerprint: '' };

  it('answers for a file that is unchanged', () => {
    const last = done(fingerprint);
    expect(plan({}, known(last)).ledger).toMatchObject({ answer: last, hashFirst: false });
  });

  it.each([
    ['touched', { modifiedNs: 9n }],
    ['written with its time set back', { changedNs: 9n }],
    ['another file', { inode: 9n }],
  ])('hashes first when the file was %s', (_, more) => {
    const last = done(fingerprint, { ...VERSION, ...more });
    expect(plan({}, known(last)).ledger).toMatchObject({ answer: undefined, hashFirst: true });
  });

  it('reads a file once when nothing of its size is known', () => {
    expect(plan().ledger).toMatchObject({ answer: undefined, hashFirst: false });
  });

  it('is overruled by force', () => {
    expect(plan({ force: true }, known(done(fingerprint))).ledger).toMatchObject({
      answer: undefined,
      hashFirst: false,
      forced: true,
    });
  });

  it.each<[string, Partial<LoadSpecInput>]>([
    ['NULL marker', { dialect: { null: 'NULL' } }],
    ['delimiter', { dialect: { delimiter: ';' } }],
    ['header', { dialect: { header: false } }],
    ['order of columns', { columns: ['name', 'id'] }],
  ])('refuses the same content with another %s', (_, spec) => {
    expect(() => plan(spec, known(done(fingerprint)))).toThrow(
      expect.objectContaining({ code: 'ALREADY_LOADED_DIFFERENTLY' }),
    );
  });

  it('takes the same mapping by position for the same load', () => {
    expect(plan({ columns: ['id', 'name'] }).ledger?.fingerprint).toBe(fingerprint);
  });
});
