import type { LoadReport } from '@copyline/contracts';
import { anyPostgres } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { useLoading, type Loading } from './csv-loading.ts';

/** Two million rows in `npm run soak`; fewer and longer ones otherwise, in several chunks as well. */
const [ROWS, NOTE] =
  process.env['COPYLINE_SOAK'] === '1' ? [2_000_000, ''] : [24_000, 'x'.repeat(400)];

interface Sample {
  readonly text: string;
  readonly refused: readonly number[];
}

/** A file in which every so many-th record is another one than it should be. */
function sample(every: number, dirty: (id: number) => string): Sample {
  const lines = ['id,qty,day,note'];
  const refused: number[] = [];
  for (let id = 1; id <= ROWS; id += 1) {
    if (id % every !== 0) {
      lines.push(
        `${String(id)},${String(id % 1000)},2024-02-${day(id)},note of ${String(id)}${NOTE}`,
      );
    } else {
      refused.push(id);
      lines.push(dirty(id));
    }
  }
  return { text: `${lines.join('\n')}\n`, refused };
}

function day(id: number): string {
  return String((id % 28) + 1).padStart(2, '0');
}

async function load(loading: Loading, { text }: Sample): Promise<LoadReport> {
  const path = await loading.write(text);
  const report = await loading.load(path, { onError: 'continue' });
  if (process.env['COPYLINE_SOAK'] === '1') {
    console.log(`${String(report.rowsRejected)} rejects in ${String(report.durationMs)} ms`);
  }
  expect(report.error).toBeNull();
  return report;
}

describe.each(anyPostgres())('many rejects on $name', (server) => {
  const loading = useLoading(server);

  async function expectExactly({ refused }: Sample, report: LoadReport): Promise<void> {
    const { rowsParsed, rowsLoaded, rowsRejected } = report;
    expect({ rowsParsed, rowsLoaded, rowsRejected }).toEqual({
      rowsParsed: ROWS,
      rowsLoaded: ROWS - refused.length,
      rowsRejected: refused.length,
    });
    const rows = await loading.db.sql<{ record: bigint }>(
      'select record::int from reject order by 1',
    );
    expect(rows.map(({ record }) => Number(record))).toEqual(refused);
    const [counted] = await loading.db.sql('select count(*)::int as rows from t');
    expect(counted).toEqual({ rows: ROWS - refused.length });
  }

  it('records that are refused before they are sent', async () => {
    await loading.db.sql('create table t (id int, qty int, day date, note text)');
    const kinds = ['31 February', 'abc', 'ragged'];
    const file = sample(20, (id) => {
      const kind = kinds[(id / 20) % 3];
      if (kind === 'abc') return `${String(id)},abc,2024-02-01,x`;
      return kind === 'ragged' ? `${String(id)},1` : `${String(id)},1,2024-02-31,x`;
    });
    await expectExactly(file, await load(loading, file));
  });

  it('duplicates of a unique key: the first one wins', async () => {
    await loading.db.sql('create table t (id int primary key, qty int, day date, note text)');
    const file = sample(67, (id) => `${String(id - 66)},1,2024-02-01,again`);
    await expectExactly(file, await load(loading, file));
    const again = await loading.db.sql(`select from t where note = 'again'`);
    expect(again).toEqual([]);
  });

  it('rows that a foreign key and a check refuse, side by side', async () => {
    await loading.db.sql(`create table parent (k int primary key);
      insert into parent select generate_series(0, 999);
      create table t (id int primary key, qty int references parent, day date,
                      note text check (note <> 'bad'))`);
    const file = sample(301, (id) =>
      id % 2 === 0 ? `${String(id)},5000,2024-02-01,orphan` : `${String(id)},1,2024-02-01,bad`,
    );
    await expectExactly(file, await load(loading, file));
  });

  it('values that only the server can judge, and does refuse', async () => {
    await loading.db.sql('create table t (id int, qty int, day date, note text)');
    const file = sample(401, (id) => `${String(id)}, 1e ,2024-02-01,x`);
    await expectExactly(file, await load(loading, file));
  });

  it('nothing but rejects', async () => {
    await loading.db.sql('create table t (id int check (id < 0), qty int, day date, note text)');
    const file = sample(2, (id) => `${String(id)},1`);
    const report = await load(loading, file);
    expect(report).toMatchObject({ rowsLoaded: 0, rowsRejected: ROWS });
  });
});
