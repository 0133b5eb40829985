import unbzip2 from 'unbzip2-stream';

import { ArchiveFault, type PackedBytes } from './packed-bytes.ts';

/**
 * Unpacks bzip2, all streams of it. The decoder works on the main thread and gives a block out as a
 * whole: 900 kB as a rule, at worst some 45 MB where bytes repeat without end.
 */
export async function* bunzip2(packed: PackedBytes): AsyncGenerator<Buffer, void> {
  let chunks: Buffer[] = [];
  let failure: unknown;
  const decoder = unbzip2()
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('error', (error: unknown) => {
      failure ??= error;
    });
  for (let isOver = false; !isOver;) {
    isOver = await packed.isOver();
    // It emits before it returns.
    if (isOver) decoder.end();
    else decoder.write(await packed.some());
    const made = chunks;
    chunks = [];
    yield* made;
    if (failure !== undefined) {
      const reason = failure instanceof Error ? failure.message : 'it cannot be unpacked';
      throw new ArchiveFault(
        /premature|undefined|end of/i.test(reason) ? 'it ends early' : reason,
        {
          cause: failure,
        },
      );
    }
  }
}
