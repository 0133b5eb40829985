import { anyPostgres } from '@copyline/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';

/** A few in `npm test`, many in `npm run soak`; each is several loads. */
const FILES = process.env['COPYLINE_SOAK'] === '1' ? 300 : 5;
/** Less than a window of the reader, several of them; in the soak several chunks. */
const SIZES = process.env['COPYLINE_SOAK'] === '1' ? [40, 6_000, 90_000] : [40, 6_000];
const PARENTS = 50;

const TABLE = `(id int primary key, p int references parent, day date not null,
  note text check (note <> 'bad'), other int unique deferrable initially deferred)`;

/** What a record is made of; `undefined` for one that is good. */
const DIRT = {
  word: (id: number) => `${String(id)},x1,2024-02-01,n,`,
  'no such day': (id: number) => `${String(id)},1,2023-02-31,n,`,
  'asked and refused': (id: number) => `${String(id)}, 1e ,2024-02-01,n,`,
  'too few fields': (id: number) => `${String(id)},1`,
  'too many fields, on two lines': (id: number) => `${String(id)},1,2024-02-01,"n\n",,,`,
  'a quote in a field': (id: number) => `${String(id)},1,2024-02-01,a"b,`,
  'text behind a quote': (id: number) => `${String(id)},1,2024-02-01,"a"b,`,
  'nothing at all': () => '',
  'a NUL, on two lines': (id: number) => `${String(id)},1,2024-02-01,"a\0\nb",`,
  'another encoding': (id: number) => `${String(id)},1,2024-02-01,\xff,`,
  'a lone carriage return': (id: number) => `${String(id)},1,2024-02-01,a\rb,`,
  'a key again': () => `1,1,2024-02-01,n,`,
  'a deferred key again': (id: number) => `${String(id)},1,2024-02-01,n,1`,
  'no day': (id: number) => `${String(id)},1,,n,`,
  'a check': (id: number) => `${String(id)},1,2024-02-01,bad,`,
  'no parent': (id: number) => `${String(id)},${String(PARENTS + id)},2024-02-01,n,`,
} as const;

/** Good ones, some of which only the server can tell. */
const GOOD = [
  (id: number) => `${String(id)},${String(id % PARENTS)},2024-02-01,n,${String(id)}`,
  (id: number) => `${String(id)}, ${String(id % PARENTS)} ,2024-02-01,"two\r\nlines",`,
  (id: number) => `${String(id)},,2024-02-29,"quoted ""é""",${String(id)}`,
  (id: number) => `${String(id)},1,"2024-02-01",${'long '.repeat(40)},`,
];

const dirtyFile = fc.record({
  rows: fc.constantFrom(...SIZES),
  /** One of so many is refused. */
  every: fc.constantFrom(2, 7, 100, 4_000),
  kinds: fc.uniqueArray(fc.constantFrom(...(Object.keys(DIRT) as (keyof typeof DIRT)[])), {
    minLength: 1,
  }),
  seed: fc.nat(),
  lineEnd: fc.constantFrom('\n', '\r\n'),
  lane: fc.constantFrom('binary' as const, 'text' as const, 'byte' as const),
});
type DirtyFile = typeof dirtyFile extends fc.Arbitrary<infer T> ? T : never;

function build({ rows, every, kinds, seed, lineEnd }: DirtyFile) {
  // The first one is good: later ones have its keys again.
  const header = `id,p,day,note,other${lineEnd}`;
  const refused: number[] = [];
  let random = seed + 1;
  const next = (below: number): number => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((random / 2_147_483_648) * below);
  };
  const parts: string[] = [];
  const good: string[] = [];
  for (let id = 1; id <= rows; id += 1) {
    const kind = id > 1 && id < rows && next(every) === 0 ? kinds[next(kinds.length)] : undefined;
    if (kind !== undefined) refused.push(id);
    const record =
      kind === undefined ? GOOD[id === 1 ? 0 : next(GOOD.length)]?.(id) : DIRT[kind](id);
    parts.push(`${record ?? ''}${lineEnd}`);
    if (kind === undefined) good.push(parts.at(-1) ?? '');
  }
  const bytes = (text: string): Buffer => Buffer.from(text.replaceAll('é', '\xc3\xa9'), 'latin1');
  return { dirty: bytes(header + parts.join('')), clean: bytes(header + good.join('')), refused };
}

describe.each(anyPostgres())('random dirty files on $name', (server) => {
  const loading = useLoading(server);
  const content = () =>
    loading.db.sql(
      `select count(*)::int as rows, md5(string_agg(t::text, '|' order by id)) from t`,
    );

  it('lose exactly their bad records, and store what the good ones alone would', async () => {
    const { db } = loading;
    await db.sql(`create table parent (k int primary key);
      insert into parent select generate_series(0, ${String(PARENTS)}); create table t ${TABLE}`);
    await fc.assert(
      fc.asyncProperty(dirtyFile, async (file) => {
        const { dirty, clean, refused } = build(file);
        await db.sql('truncate t; truncate reject', undefined).catch(() => db.sql('truncate t'));
        const path = await loading.write(dirty);
        const report = await loading.load(path, {
          onError: 'continue',
          lane: file.lane,
          force: true,
        });
        expect(report.error).toBeNull();
        const rows = await db.sql<{ record: number }>('select record::int from reject order by 1');
        expect(rows.map(({ record }) => record)).toEqual(refused);
        const stored = await content();

        await db.sql('truncate t');
        const strict = await loading.load(await loading.write(clean), { force: true });
        expect(strict).toMatchObject({ error: null, rowsLoaded: report.rowsLoaded });
        expect(await content()).toEqual(stored);
      }),
      { numRuns: FILES },
    );
  });
});
