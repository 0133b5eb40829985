import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';

import { openCodec } from './extract/parquet/index.ts';
import { openCodecs } from './parquet/codecs.ts';

/** Of `CompressionCodec`. Source: apache/parquet-format, parquet.thrift. */
const ZSTD = 6;

it('zstd packs and unpacks in one thread, however often it is opened', async () => {
  for (let time = 0; time < 3; time += 1) {
    const { compress } = await openCodec('zstd');
    const unpack = (await openCodecs([ZSTD])).get(ZSTD);
    for (const length of [1, 1000, 3_000_000]) {
      const page = randomBytes(length);
      const packed = Buffer.from(compress(page));
      expect(unpack?.(packed, length).equals(page)).toBe(true);
    }
  }
});
