import { BoolEncoder } from './bool.ts';
import type { EncoderSession, FieldEncoder, ValueType } from './field-encoder.ts';
import { Int2Encoder, Int4Encoder, Int8Encoder } from './integer.ts';
import { LimitedTextEncoder, NameEncoder, PlainTextEncoder } from './text.ts';

/** The length of the header that the typmod of a text type counts in: VARHDRSZ. */
const HEADER_BYTES = 4;

type Maker = (type: ValueType, session: EncoderSession) => FieldEncoder;

/** The types of pg_catalog that have a proven encoder. */
const ENCODERS: Readonly<Record<string, Maker>> = {
  bool: () => new BoolEncoder(),
  int2: (_, { serverVersion }) => new Int2Encoder(serverVersion),
  int4: (_, { serverVersion }) => new Int4Encoder(serverVersion),
  int8: (_, { serverVersion }) => new Int8Encoder(serverVersion),
  text: () => new PlainTextEncoder(),
  varchar: ({ typmod }) => limitedText('character varying', typmod),
  bpchar: ({ typmod }) => limitedText('character', typmod),
  name: () => new NameEncoder(),
};

/** @returns undefined when there is no proven encoder for the type: the plan takes another lane */
export function encoderFor(type: ValueType, session: EncoderSession): FieldEncoder | undefined {
  if (type.kind !== 'base' || !Object.hasOwn(ENCODERS, type.name)) return undefined;
  return ENCODERS[type.name]?.(type, session);
}

function limitedText(type: 'character varying' | 'character', typmod: number): FieldEncoder {
  return typmod < HEADER_BYTES
    ? new PlainTextEncoder()
    : new LimitedTextEncoder(type, typmod - HEADER_BYTES);
}
