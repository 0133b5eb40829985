import {
  amount,
  bigInteger,
  counted,
  date,
  decimal,
  emptyOrCode,
  flag,
  float,
  integer,
  measured,
  oneOf,
  padded,
  phrase,
  prose,
  type SeededRandom,
  text,
  timestamp,
  uuid,
} from './csv-fields.ts';

export interface CsvColumn {
  readonly name: string;
  readonly sqlType: string;
  /** One field exactly as it stands in the file: quoted when it must be. */
  readonly field: (random: SeededRandom) => string;
}

/** The first three are for tests, the others for the bench. */
export type CsvShape = 'narrow' | 'mixed' | 'wide' | 'lineitem' | 'readings' | 'articles';

const INSTRUCTIONS = ['COLLECT COD', 'DELIVER IN PERSON', 'NONE', 'TAKE BACK RETURN'] as const;

/** The columns after `rid`, in file order. */
export const CSV_SHAPES: Readonly<Record<CsvShape, readonly CsvColumn[]>> = {
  narrow: [
    column('account', 'integer', integer),
    column('amount', 'numeric(12,2)', decimal),
    column('active', 'boolean', flag),
  ],
  mixed: [
    column('account', 'integer', integer),
    column('balance', 'bigint', bigInteger),
    column('amount', 'numeric(12,2)', decimal),
    column('ratio', 'double precision', float),
    column('active', 'boolean', flag),
    column('booked_on', 'date', date),
    column('changed_at', 'timestamp', timestamp),
    column('item', 'uuid', uuid),
    column('code', 'text', emptyOrCode),
    column('note', 'text', text),
  ],
  wide: Array.from({ length: 40 }, (_, index) => wideColumn(index)),
  // The bench's mixed set: sixteen columns like TPC-H's lineitem.
  lineitem: [
    column('part', 'integer', counted(200_000)),
    column('supplier', 'integer', counted(10_000)),
    column('line', 'integer', counted(7)),
    column('quantity', 'numeric(15,2)', amount(50)),
    column('price', 'numeric(15,2)', amount(100_000)),
    column('discount', 'numeric(15,2)', amount(1)),
    column('tax', 'numeric(15,2)', amount(1)),
    column('returned', 'char(1)', oneOf(['A', 'N', 'R'])),
    column('status', 'char(1)', oneOf(['F', 'O'])),
    column('shipped_on', 'date', date),
    column('committed_on', 'date', date),
    column('received_on', 'date', date),
    column('instruction', 'varchar(25)', oneOf(INSTRUCTIONS)),
    column('mode', 'varchar(10)', oneOf(['AIR', 'FOB', 'MAIL', 'RAIL', 'SHIP', 'TRUCK'])),
    column('comment', 'varchar(60)', phrase(2, 6)),
  ],
  // The bench's narrow set: numbers only, about 50 bytes a row.
  readings: [
    column('sensor', 'integer', counted(2 ** 31 - 1)),
    column('channel', 'integer', counted(5_000)),
    column('value', 'double precision', measured(1000, 6)),
    column('deviation', 'double precision', measured(1, 8)),
  ],
  // The bench's wide set: text with quotes, line ends, letters beyond ASCII, and NULLs.
  articles: [
    column('slug', 'text', (random) => `item-${padded(random.below(1e9), 9)}`),
    column('title', 'text', prose(3, 7, 50)),
    column('author', 'text', oneOf(['Jürgen Groß', 'Łukasz', '"Ada"', '山田, 花子', 'O’Neill'])),
    column('summary', 'text', prose(5, 12, 4)),
    column('body', 'text', prose(12, 24, 20)),
    column('tag', 'text', oneOf(['', '""', 'news', 'sport', 'a,b'])),
  ],
};

function column(name: string, sqlType: string, field: CsvColumn['field']): CsvColumn {
  return { name, sqlType, field };
}

function wideColumn(index: number): CsvColumn {
  const kinds = [
    column('n', 'integer', integer),
    column('d', 'numeric(12,2)', decimal),
    column('t', 'text', text),
    column('on', 'date', date),
    column('c', 'text', emptyOrCode),
  ] as const;
  const kind = kinds[index % kinds.length] ?? kinds[0];
  return { ...kind, name: `${kind.name}_${String(index + 1).padStart(2, '0')}` };
}
