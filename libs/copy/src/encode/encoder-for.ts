import { BoolEncoder } from './bool.ts';
import { ByteaEncoder } from './bytea.ts';
import { DateEncoder, TimeEncoder, TimestampEncoder, TimestamptzEncoder } from './date-time.ts';
import { EnumEncoder } from './enum.ts';
import type { EncoderSession, FieldEncoder, ValueType } from './field-encoder.ts';
import { Float4Encoder, Float8Encoder } from './float.ts';
import { Int2Encoder, Int4Encoder, Int8Encoder } from './integer.ts';
import { JsonbEncoder, JsonEncoder } from './json.ts';
import { NumericEncoder } from './numeric.ts';
import { LimitedTextEncoder, NameEncoder, PlainTextEncoder } from './text.ts';
import { UuidEncoder } from './uuid.ts';

/** The length of the header that the typmod of a text type counts in: VARHDRSZ. */
const HEADER_BYTES = 4;

type Maker = (type: ValueType, session: EncoderSession) => FieldEncoder;

/** Nothing is proven of older servers. What a newer one reads otherwise, its tests will tell. */
const OLDEST_VERSION = 150_000;

/** The types of pg_catalog that have a proven encoder. */
const ENCODERS: Readonly<Record<string, Maker>> = {
  bool: () => new BoolEncoder(),
  int2: (_, { serverVersion }) => new Int2Encoder(serverVersion),
  int4: (_, { serverVersion }) => new Int4Encoder(serverVersion),
  int8: (_, { serverVersion }) => new Int8Encoder(serverVersion),
  float4: () => new Float4Encoder(),
  float8: () => new Float8Encoder(),
  numeric: ({ typmod }, { serverVersion }) => new NumericEncoder(typmod, serverVersion),
  text: () => new PlainTextEncoder(),
  varchar: ({ typmod }) => limitedText('character varying', typmod),
  bpchar: ({ typmod }) => limitedText('character', typmod),
  name: () => new NameEncoder(),
  json: () => new JsonEncoder(),
  jsonb: () => new JsonbEncoder(),
  bytea: () => new ByteaEncoder(),
  uuid: () => new UuidEncoder(),
  date: () => new DateEncoder(),
  time: () => new TimeEncoder(),
  timestamp: () => new TimestampEncoder(),
  timestamptz: (_, { timeZone }) => new TimestamptzEncoder(timeZone),
};

/** @returns undefined when there is no proven encoder for the type: the plan takes another lane */
export function encoderFor(type: ValueType, session: EncoderSession): FieldEncoder | undefined {
  if (session.serverVersion < OLDEST_VERSION || session.integerDatetimes === false)
    return undefined;
  if (type.kind === 'enum') {
    return type.enumLabels === undefined ? undefined : new EnumEncoder(type.name, type.enumLabels);
  }
  if (type.kind !== 'base' || !Object.hasOwn(ENCODERS, type.name)) return undefined;
  return ENCODERS[type.name]?.(type, session);
}

function limitedText(type: 'character varying' | 'character', typmod: number): FieldEncoder {
  return typmod < HEADER_BYTES
    ? new PlainTextEncoder()
    : new LimitedTextEncoder(type, typmod - HEADER_BYTES);
}
