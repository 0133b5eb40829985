import { testServers } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { SLOW_BYTES } from '../src/encode/field-encoder.ts';
import { lanesOf, useLoading } from './csv-loading.ts';

/** Several windows of the reader. */
const ROWS = 60_000;
const COLUMNS = 'id int, qty int8, name text, flag bool';

/** A number that is too long for an encoder: only the server can tell what it is. */
const askedNumber = (value: number): string => String(value).padStart(SLOW_BYTES + 1, '0');

/** Whether a record has such a number as its `qty`. */
const asked = (id: number): boolean => id > 20_000 && id < 40_000 && id % 5000 === 0;

function record(id: number): string {
  const qty = asked(id) ? askedNumber(id) : String(id * 7);
  return `${String(id)},${qty},"name ""${String(id)}""",${id % 2 === 0 ? 't' : 'false'}\n`;
}

function file(lastRecord = ''): string {
  let text = 'id,qty,name,flag\n';
  for (let id = 1; id <= ROWS; id += 1) text += record(id);
  return text + lastRecord;
}

describe.each(testServers())('lanes on $name', (server) => {
  const loading = useLoading(server);
  const sum = () =>
    loading.db.sql(
      `select count(*)::int as rows, sum(id)::text as ids, sum(qty)::text as qty,
              min(name) as name, count(*) filter (where flag)::int as flags from t`,
    );

  // The face has none: whose encoders are not proven takes the text one.
  it.skipIf(server.isFace)(
    'the binary one hands windows with values that the server shall judge to it as text',
    async () => {
      await loading.db.sql(`create table t (${COLUMNS})`);
      const path = await loading.write(file());
      const binary = await loading.load(path);
      expect(binary).toMatchObject({ error: null, rowsLoaded: ROWS, lane: { name: 'binary' } });
      const { rowsBinary = 0, rowsText = 0 } = binary.lane ?? {};
      expect(rowsBinary + rowsText).toBe(ROWS);
      // Not all of the middle third, and not the rest.
      expect(rowsText).toBeGreaterThan(3);
      expect(rowsText).toBeLessThan(ROWS / 2);
      const stored = await sum();

      for (const lane of ['text', 'byte'] as const) {
        await loading.db.sql('truncate t');
        const report = await loading.load(path, { lane, force: true });
        expect(report).toMatchObject({ lane: { name: lane, rowsBinary: 0, rowsText: ROWS } });
        expect(await sum()).toEqual(stored);
      }
    },
  );

  it.each([
    ['text', askedNumber(1)],
    ['binary', '1'],
  ])('an error of the server is placed in a later COPY, of %s', async (_, qty) => {
    await loading.db.sql(`create table t (${COLUMNS.replace('id int', 'id int unique')})`);
    const before = file();
    const path = await loading.write(`${before}7,${qty},twice,t\n`);
    const { error } = await loading.load(path);
    expect(error).toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
      record: ROWS + 1,
      line: ROWS + 2,
      byteOffset: before.length,
      excerpt: expect.stringContaining(`7,${qty}`.slice(0, 50)) as string,
    });
  });

  it.skipIf(server.isFace)(
    'the text one takes what has no encoder, a trigger for each statement, and says why',
    async () => {
      await loading.db.sql('create table t (a int, b point)');
      const path = await loading.write('a,b\n1,"(1,2)"\n');
      expect((await loading.load(path)).lane).toEqual({
        name: 'text',
        reason: 'column b is of type point, which has no encoder',
        rowsBinary: 0,
        rowsText: 1,
      });
      expect((await loading.load(path, { lane: 'binary', force: true })).error).toMatchObject({
        code: 'LANE_UNSUITABLE',
      });

      await loading.db.sql(`drop table t; create table t (a int);
      create function count_statements() returns trigger language plpgsql as
        $$ begin create table if not exists fired (); return null; end $$;
      create trigger each after insert on t execute function count_statements()`);
      const single = await loading.load(await loading.write('a\n1\n'));
      expect(single.lane).toMatchObject({ name: 'text', reason: 'a trigger fires for each COPY' });
    },
  );

  it('all of them store domains by their base type, and check them', async () => {
    await loading.db.sql(`create domain percent as int check (value <= 100);
      create domain share as percent; create table t (a share, b int)`);
    const lanes = lanesOf(server).filter((lane) => lane !== 'tolerant');
    const load = async (lane: (typeof lanes)[number], value: number) =>
      loading.load(await loading.write(`a,b\n5,1\n${String(value)},2\n`), { lane, force: true });
    for (const lane of lanes) {
      expect((await load(lane, 6)).lane).toMatchObject({ name: lane });
      expect((await load(lane, 101)).error).toMatchObject({
        sqlstate: '23514',
        record: 2,
        column: 'a',
      });
    }
  });
});
