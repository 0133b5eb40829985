import { createGunzip, type Gunzip } from 'node:zlib';

import { ArchiveFault, type PackedBytes } from './packed-bytes.ts';

/** Bytes that are made at a time. */
const CHUNK_BYTES = 128 * 1024;

/**
 * Unpacks gzip, all members of it. zlib works in the thread pool, checks sizes and CRCs, and goes on to
 * the next member by itself; but it is silent about what stands behind the last one. Zeros may: tapes
 * fill their blocks with them.
 */
export async function* gunzip(packed: PackedBytes): AsyncGenerator<Buffer, void> {
  const unpacker = createGunzip({ chunkSize: CHUNK_BYTES });
  // What is thrown to the reader below is not to be thrown again at nobody.
  unpacker.on('error', () => undefined);
  let given = 0;
  try {
    while (!unpacker.readableEnded && !(await packed.isOver())) {
      const block = await packed.some();
      given += block.length;
      yield* unpackedBy(unpacker, (done) => unpacker.write(block, done));
      if (unpacker.bytesWritten === given) continue;
      assertZeros(block.subarray(block.length - (given - unpacker.bytesWritten)));
      while (!(await packed.isOver())) assertZeros(await packed.some());
    }
    // Over when all has come out: an archive that ends early is found only then.
    yield* unpackedBy(unpacker, () => unpacker.end());
  } finally {
    unpacker.destroy();
  }
}

/** What comes out until a step is done; the step waits while nobody takes it. */
async function* unpackedBy(
  unpacker: Gunzip,
  step: (done: (error?: Error | null) => void) => unknown,
): AsyncGenerator<Buffer, void> {
  // In an object, because what is written by callbacks is written unseen.
  const state: { isDone: boolean; failure?: unknown } = { isDone: false };
  let wake = (): void => undefined;
  const onFailure = (error: unknown): void => {
    state.failure ??= error;
    wake();
  };
  const onReadable = (): void => {
    wake();
  };
  unpacker.on('error', onFailure).on('readable', onReadable).on('end', onReadable);
  try {
    step((error) => {
      state.isDone = true;
      if (error) onFailure(error);
      wake();
    });
    for (;;) {
      if (state.failure !== undefined) throw asFault(state.failure);
      const chunk = unpacker.read() as Buffer | null;
      if (chunk !== null) yield chunk;
      else if (state.isDone || unpacker.readableEnded) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    unpacker.off('error', onFailure).off('readable', onReadable).off('end', onReadable);
  }
}

function assertZeros(bytes: Buffer): void {
  if (bytes.some((byte) => byte !== 0)) throw new ArchiveFault('something else stands behind it');
}

function asFault(cause: unknown): ArchiveFault {
  const { code, message } = cause as { code?: string; message?: string };
  return new ArchiveFault(
    code === 'Z_BUF_ERROR' ? 'it ends early' : (message ?? 'it cannot be unpacked'),
    { cause },
  );
}
