import type * as library from '@bokuweb/zstd-wasm';

type Zstd = Pick<typeof library, 'compress' | 'decompress'>;

let zstd: Promise<Zstd> | undefined;

/**
 * zstd for pages of Parquet, in WebAssembly.
 *
 * Loaded when it is first needed, and once per thread: the library has one instance, whose functions
 * stay those of the first `init` while its memory becomes that of the last one. After a second `init`
 * it would pack rubbish, or end with `memory access out of bounds`.
 */
export function loadZstd(): Promise<Zstd> {
  return (zstd ??= initialised());
}

async function initialised(): Promise<Zstd> {
  const { init, compress, decompress } = await import('@bokuweb/zstd-wasm');
  await init();
  return { compress, decompress };
}
