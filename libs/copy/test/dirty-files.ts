import fc from 'fast-check';

/** Parents that there are: the numbers from 0. */
export const PARENTS = 50;

/** What a record is made of; `undefined` for one that is good. */
export const DIRT = {
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

type Kind = keyof typeof DIRT;
type Lane = 'binary' | 'text' | 'byte';

interface DirtyFile {
  readonly rows: number;
  /** One of so many is refused. */
  readonly every: number;
  readonly kinds: readonly Kind[];
  readonly seed: number;
  readonly lineEnd: string;
  readonly lane: Lane;
}

export function dirtyFile(of: {
  readonly rows: readonly number[];
  readonly every: readonly number[];
  readonly kinds: readonly Kind[];
  readonly lanes: readonly Lane[];
}): fc.Arbitrary<DirtyFile> {
  return fc.record({
    rows: fc.constantFrom(...of.rows),
    every: fc.constantFrom(...of.every),
    kinds: fc.uniqueArray(fc.constantFrom(...of.kinds), { minLength: 1 }),
    seed: fc.nat(),
    lineEnd: fc.constantFrom('\n', '\r\n'),
    lane: fc.constantFrom(...of.lanes),
  });
}

/** The file, the same without what is to be refused of it, and the numbers of these records. */
export function buildDirtyFile({ rows, every, kinds, seed, lineEnd }: DirtyFile): {
  readonly dirty: Buffer;
  readonly clean: Buffer;
  readonly refused: readonly number[];
} {
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
