export { copyBytes } from './copy-bytes.ts';
export { encoderFor } from './encoder-for.ts';
export { ASK, REFUSE, encodedRoom } from './field-encoder.ts';
export type { EncoderSession, FieldEncoder, Refusal, ValueType } from './field-encoder.ts';
