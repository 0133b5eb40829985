import pg from 'pg';

/**
 * How values of the server become JavaScript values. The rule: nothing is lost. int8 is a bigint;
 * numeric, dates and times stay the text that the server sent (a JavaScript Date would drop the
 * microseconds and the missing zone). The exception is json, which is parsed as everybody expects:
 * who needs its numbers beyond 2^53 casts it to text.
 */
const asText = (text: string): string => text;
const asBigInt = (text: string): bigint => BigInt(text);

/** OIDs of built-in types, for readers of one's own. Source: PostgreSQL's pg_type.dat. */
export const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  float4: 700,
  float8: 701,
  textArray: 1009,
  int8Array: 1016,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestampArray: 1115,
  dateArray: 1182,
  timestamptz: 1184,
  timeArray: 1183,
  timestamptzArray: 1185,
  interval: 1186,
  intervalArray: 1187,
  numericArray: 1231,
  timetz: 1266,
  timetzArray: 1270,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
} as const;

/** An array as the server has it: of any number of dimensions. */
type Nested<T> = readonly (T | null | Nested<T>)[];

const textArray = pg.types.getTypeParser(OID.textArray as number) as (
  text: string,
) => Nested<string>;

const bigIntArray = (items: Nested<string>): Nested<bigint> =>
  items.map((item) =>
    typeof item === 'string' ? BigInt(item) : item === null ? null : bigIntArray(item),
  );

const READERS: ReadonlyMap<number, (text: string) => unknown> = new Map<
  number,
  (text: string) => unknown
>([
  [OID.int8, asBigInt],
  [OID.date, asText],
  [OID.time, asText],
  [OID.timestamp, asText],
  [OID.timestamptz, asText],
  [OID.interval, asText],
  [OID.int8Array, (text) => bigIntArray(textArray(text))],
  [OID.dateArray, textArray],
  [OID.timestampArray, textArray],
  [OID.timestamptzArray, textArray],
  [OID.timeArray, textArray],
  [OID.timetzArray, textArray],
  [OID.intervalArray, textArray],
  [OID.numericArray, textArray],
]);

/** Readers by type OID: each gets the server's text of one value that is not NULL. */
export type Readers = Readonly<Record<number, (text: string) => unknown>>;

/** What node-postgres is told of types, with every query. */
export function typesWith(readers: Readers = {}): pg.CustomTypesConfig {
  return {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
      (format === 'binary' ? undefined : (readers[oid] ?? READERS.get(oid))) ??
      (pg.types.getTypeParser(oid, format) as unknown)) as typeof pg.types.getTypeParser,
  };
}
