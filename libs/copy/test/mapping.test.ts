import type { LoadSpecInput } from '@copyline/contracts';
import { anyServer } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { lanesOf, useLoading } from './csv-loading.ts';

const FILE = [
  'Order No,junk, qty ,note',
  '1,"x,\ny",NA,"NA"',
  '2,,-,  two  ',
  '3,"""",7,"  three\\t "',
  '',
].join('\n');
const COLUMNS = `order_no int, qty int, note text, region text not null, src text, rec int8,
  load_id uuid, at date, gone text default 'kept'`;
const SPEC: Partial<LoadSpecInput> = {
  mapping: {
    rename: { 'Order No': 'order_no' },
    skip: ['junk'],
    set: {
      region: 'E\tU\\',
      at: '2026-11-21',
      src: { from: 'file' },
      rec: { from: 'record' },
      load_id: { from: 'loadId' },
    },
    nulls: { qty: ['NA', '-'] },
    missingColumns: 'default',
  },
};

describe.each(anyServer())('a mapping on $name', (server) => {
  const loading = useLoading(server);
  // Those that can leave fields out and add values.
  const lanes = lanesOf(server).filter((lane) => lane === 'binary' || lane === 'text');
  const create = (columns: string): Promise<unknown> =>
    loading.db.sql(`drop table if exists t; create table t (${columns})`);

  it.each(lanes)('renames, leaves out, sets and tells NULL, in lane %s', async (lane) => {
    await create(COLUMNS);
    const path = await loading.write(FILE, 'orders.csv');
    const source = { path, name: 'inbox:orders.csv' };
    const report = await loading.load(path, { ...SPEC, source, lane });
    expect(report.error).toBeNull();
    expect(report.lane?.name).toBe(lane);
    expect(report.columns).toEqual({
      loaded: ['order_no', 'qty', 'note'],
      skipped: ['junk'],
      set: ['region', 'at', 'src', 'rec', 'load_id'],
      defaulted: ['gone'],
    });
    const rest = {
      region: 'E\tU\\',
      src: 'inbox:orders.csv',
      load_id: report.loadId,
      at: '2026-11-21',
      gone: 'kept',
    };
    expect(await loading.db.sql('select t.*, at::text as at, rec::int as rec from t')).toEqual([
      { order_no: 1, qty: null, note: 'NA', rec: 1, ...rest },
      { order_no: 2, qty: null, note: '  two  ', rec: 2, ...rest },
      { order_no: 3, qty: 7, note: '  three\\t ', rec: 3, ...rest },
    ]);
  });

  it.each(lanes)('trims what it is told to, before NULL is told, in lane %s', async (lane) => {
    await create('a text, b text');
    const path = await loading.write('a,b\n "x" ,1\n'.replace(' "x" ', '" x "') + ' y\t, \n');
    const rows = async (trim: 'none' | 'unquoted' | 'all') => {
      await loading.db.sql('truncate t');
      const report = await loading.load(path, { lane, dialect: { trim }, force: true });
      expect(report.error).toBeNull();
      return loading.db.sql('select * from t');
    };
    expect(await rows('none')).toEqual([
      { a: ' x ', b: '1' },
      { a: ' y\t', b: ' ' },
    ]);
    expect(await rows('unquoted')).toEqual([
      { a: ' x ', b: '1' },
      { a: 'y', b: null },
    ]);
    expect(await rows('all')).toEqual([
      { a: 'x', b: '1' },
      { a: 'y', b: null },
    ]);
  });

  it('refuses a value to be set before it reads, and leaves to the server what it must judge', async () => {
    await create('a int, b int2, c date');
    const path = await loading.write('a\n1\n2\n');
    const set = (values: NonNullable<LoadSpecInput['mapping']>['set']) =>
      loading.load(path, { mapping: { set: values, missingColumns: 'default' } });
    expect((await set({ b: 'x' })).error).toMatchObject({
      code: 'VALUE_REFUSED',
      sqlstate: '22P02',
      column: 'b',
      record: server.isFace ? 1 : null, // where only the server judges, it does so in a record
    });
    const asked = await set({ b: '1', c: '21 Nov 2026' });
    expect(asked.error).toBeNull();
    const reason = server.isFace
      ? 'the encoders are proven for PostgreSQL only'
      : 'only the server can judge what c is set to';
    expect(asked.lane).toMatchObject({ name: 'text', reason });
    expect(await loading.db.sql('select a, b, c::text from t')).toEqual([
      { a: 1, b: 1, c: '2026-11-21' },
      { a: 2, b: 1, c: '2026-11-21' },
    ]);
  });

  it('places errors behind fields that are left out, and in columns that are set', async () => {
    await create('b int, c int2 check (c < 2)');
    const path = await loading.write('a,b\nx,1\ny,2\nz,oops\n');
    for (const lane of lanes) {
      const mapping: LoadSpecInput['mapping'] = { skip: ['a'], missingColumns: 'default' };
      expect((await loading.load(path, { lane, mapping })).error).toMatchObject({
        record: 3,
        line: 4,
        column: 'b',
        byteOffset: 14,
        excerpt: 'oops',
      });
      const numbered: typeof mapping = { ...mapping, set: { c: { from: 'record' } } };
      const short = await loading.write('a,b\nx,1\ny,2\n');
      expect((await loading.load(short, { lane, mapping: numbered })).error).toMatchObject({
        code: 'CONSTRAINT_VIOLATED',
        record: 2,
        line: 3,
      });
    }
  });

  it.each(lanes)('trims single columns differently from the others, in lane %s', async (lane) => {
    await create('a text, b text, c text');
    const path = await loading.write('a,b,c\n" x ", y ," z "\n x ," y ", \n');
    const load = (mapping: LoadSpecInput['mapping']) =>
      loading.load(path, { lane, mapping, dialect: { trim: 'unquoted' } });
    expect((await load({ trims: { a: 'all', b: 'none' } })).error).toBeNull();
    expect(await loading.db.sql('select * from t')).toEqual([
      { a: 'x', b: ' y ', c: ' z ' },
      { a: 'x', b: ' y ', c: null },
    ]);
    expect((await load(undefined)).error?.code).toBe('ALREADY_LOADED_DIFFERENTLY');
    expect((await load({ trims: { d: 'all' } })).error).toMatchObject({
      code: 'HEADER_MISMATCH',
      message: 'To be trimmed, but not in the file: “d”',
    });
  });

  it('tells of columns with names of Object.prototype, or says that it cannot', async () => {
    await create('constructor text, "toString" text, "__proto__" text, "hasOwnProperty" text');
    const path = await loading.write('constructor,valueOf,__proto__\nNA, x ,NA\n');
    const load = (mapping: LoadSpecInput['mapping']) => loading.load(path, { mapping });
    const report = await load({
      rename: { valueOf: 'toString' },
      nulls: { constructor: ['NA'] },
      trims: { toString: 'all' as const },
      set: { hasOwnProperty: 'y' },
    });
    expect(report.error).toBeNull();
    expect(await loading.db.sql('select row_to_json(t)::text as row from t')).toEqual([
      { row: '{"constructor":null,"toString":"x","__proto__":"NA","hasOwnProperty":"y"}' },
    ]);
    for (const key of ['rename', 'set', 'nulls', 'trims'] as const) {
      // As JSON makes it; in the source of a program it would be the object's prototype.
      const names = JSON.parse('{"__proto__": "all"}') as Record<string, never>;
      expect((await load({ [key]: names })).error).toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('__proto__') as string,
      });
    }
  });

  it('is part of what the ledger compares', async () => {
    await create('a text, b text');
    const path = await loading.write('a,b\n1,2\n');
    const load = (mapping: LoadSpecInput['mapping'], trim: 'none' | 'all' = 'none') =>
      loading.load(path, { mapping, dialect: { trim } });
    const mapping = { skip: ['b'], set: { b: 'x' } };
    expect((await load(mapping)).error).toBeNull();
    expect(await load(mapping)).toMatchObject({ deduplicated: true, columns: { skipped: ['b'] } });
    for (const other of [
      load(undefined),
      load({ skip: ['b'], set: { b: 'y' } }),
      load({ skip: ['b'], set: { b: { from: 'file' } } }),
      load({ ...mapping, nulls: { a: ['1'] } }),
      load(mapping, 'all'),
    ]) {
      expect((await other).error?.code).toBe('ALREADY_LOADED_DIFFERENTLY');
    }
  });

  it('makes a table without the fields that are left out, with columns that are set', async () => {
    await loading.db.sql('drop table if exists t');
    const path = await loading.write('Order No,junk,qty\n1,x,NA\n2,y, 3 \n');
    const report = await loading.load(path, {
      create: true,
      dialect: { trim: 'all' },
      mapping: {
        rename: { 'Order No': 'order_no' },
        skip: ['junk'],
        set: { rec: { from: 'record' }, region: 'EU' },
        nulls: { qty: ['NA'] },
      },
    });
    expect(report.error).toBeNull();
    expect(
      await loading.db.sql(
        `select order_no::int, qty::int, rec::int, region, pg_typeof(qty)::text as type from t`,
      ),
    ).toEqual([
      { order_no: 1, qty: null, rec: 1, region: 'EU', type: 'bigint' },
      { order_no: 2, qty: 3, rec: 2, region: 'EU', type: 'bigint' },
    ]);
  });

  it('has no place in the byte lane, but for other names', async () => {
    await create('a int, b int');
    const path = await loading.write('A1,b\n1,2\n');
    const load = (mapping: LoadSpecInput['mapping'], trim?: 'all') =>
      loading.load(path, {
        lane: 'byte',
        force: true,
        mapping,
        ...(trim && { dialect: { trim } }),
      });
    const rename = { A1: 'a' };
    expect((await load({ rename })).error).toBeNull();
    expect((await load({ skip: ['A1'], missingColumns: 'default' })).error?.message).toBe(
      'The byte lane cannot take this load: fields are left out',
    );
    expect((await load({ rename, nulls: { a: ['1'] } }, 'all')).error?.message).toBe(
      'The byte lane cannot take this load: a column has NULL markers of its own, values are trimmed',
    );
  });
});
