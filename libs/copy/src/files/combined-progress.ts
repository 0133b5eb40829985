import type { LoadSpecInput } from '@copyline/contracts';
import { stat } from 'node:fs/promises';

import type { LoadProgress } from '../load-progress.ts';

interface Part {
  readonly bytes: number;
  /** Of the bytes, in 0 … 1. */
  done: number;
  rows: number;
  last: LoadProgress | undefined;
}

/** How far the loads of several files have come together, whichever of them tells something. */
export class CombinedProgress {
  readonly #parts: readonly Part[];
  readonly #bytesTotal: number;
  readonly #onProgress: ((progress: LoadProgress) => void) | undefined;

  private constructor(
    sizes: readonly number[],
    onProgress: ((progress: LoadProgress) => void) | undefined,
  ) {
    this.#parts = sizes.map((bytes) => ({ bytes, done: 0, rows: 0, last: undefined }));
    this.#bytesTotal = sizes.reduce((sum, bytes) => sum + bytes, 0);
    this.#onProgress = onProgress;
  }

  static async of(
    specs: readonly LoadSpecInput[],
    onProgress: ((progress: LoadProgress) => void) | undefined,
  ): Promise<CombinedProgress> {
    const sizes = specs.map(async ({ source }) => {
      // What is wrong with a file is said when it is loaded.
      const found = await stat(source.path).catch(() => undefined);
      return found?.size ?? 0;
    });
    return new CombinedProgress(await Promise.all(sizes), onProgress);
  }

  /** Where the load of a file tells how far it is. */
  follow(i: number): (progress: LoadProgress) => void {
    const part = this.#parts[i] as Part;
    return (progress) => {
      const { phase, bytesRead, bytesTotal, rowsParsed, isCommitting } = progress;
      part.last = progress;
      if (phase === 'copy' && bytesTotal > 0) {
        part.done = bytesRead / bytesTotal;
        part.rows = rowsParsed;
      }
      if (isCommitting) part.done = 1;
      this.#tell(progress);
    };
  }

  #tell(progress: LoadProgress): void {
    const parts = this.#parts;
    const isCommitting = parts.some(({ last }) => last?.isCommitting === true);
    if (!parts.some(({ last }) => last?.phase === 'copy')) {
      this.#onProgress?.({ ...progress, isCommitting });
      return;
    }
    this.#onProgress?.({
      phase: 'copy',
      bytesRead: parts.reduce((sum, { bytes, done }) => sum + bytes * done, 0),
      bytesTotal: this.#bytesTotal,
      rowsParsed: parts.reduce((sum, { rows }) => sum + rows, 0),
      isCommitting,
    });
  }
}
