import pg from 'pg';

/**
 * How values of the server become JavaScript values. The rule: nothing is lost. int8 is a bigint;
 * numeric, dates and times stay the text that the server sent (a JavaScript Date would drop the
 * microseconds and the missing zone). Reasons: docs/decisions/0003-driver.md.
 */
const asText = (text: string): string => text;
const asBigInt = (text: string): bigint => BigInt(text);

const OID = {
  int8: 20,
  textArray: 1009,
  int8Array: 1016,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestampArray: 1115,
  dateArray: 1182,
  timestamptz: 1184,
  timestamptzArray: 1185,
  interval: 1186,
  numericArray: 1231,
} as const;

const textArray: (text: string) => (string | null)[] = pg.types.getTypeParser(
  OID.textArray as number,
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
  [OID.int8Array, (text) => textArray(text).map((item) => (item === null ? null : BigInt(item)))],
  [OID.dateArray, textArray],
  [OID.timestampArray, textArray],
  [OID.timestamptzArray, textArray],
  [OID.numericArray, textArray],
]);

/** Handed to node-postgres with every query. */
export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    (format === 'binary' ? undefined : READERS.get(oid)) ??
    pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};
