import { once } from 'node:events';
import { createGzip, type Gzip } from 'node:zlib';

import { createContentDigest, type ContentDigest } from '../source/content-digest.ts';
import type { ContentFile } from './output.ts';
import type { ByteTarget } from './sink/byte-target.ts';

/**
 * zlib's fastest level: on CSV it packs nearly as well as the default and takes a third of the time,
 * which is what decides how long the server's transaction stays open.
 */
const GZIP_LEVEL = 1;

/** Bytes on their way into a file: compressed if wanted, digested as they will be stored. */
export class OutputFile implements ContentFile {
  bytes = 0;
  readonly #target: ByteTarget;
  readonly #digest: ContentDigest;
  readonly #gzip: Gzip | undefined;
  readonly #pumping: Promise<void> | undefined;

  private constructor(target: ByteTarget, digest: ContentDigest, isCompressed: boolean) {
    this.#target = target;
    this.#digest = digest;
    if (!isCompressed) return;
    this.#gzip = createGzip({ level: GZIP_LEVEL });
    this.#pumping = this.#pump(this.#gzip);
    this.#pumping.catch(() => undefined); // who writes or finishes hears of it
  }

  static async open(target: ByteTarget, compression: 'none' | 'gzip'): Promise<OutputFile> {
    return new OutputFile(target, await createContentDigest(), compression === 'gzip');
  }

  write(bytes: Buffer): Promise<void> | undefined {
    if (this.#gzip === undefined) return this.#store(bytes);
    if (this.#gzip.destroyed) return this.#pumping;
    return this.#gzip.write(bytes) ? undefined : this.#drained(this.#gzip);
  }

  async finish(): Promise<string> {
    this.#gzip?.end();
    await this.#pumping;
    await this.#target.finish();
    return this.#digest.text();
  }

  discard(): void {
    this.#gzip?.destroy();
  }

  #store(bytes: Buffer): Promise<void> | undefined {
    this.bytes += bytes.length;
    this.#digest.update(bytes);
    return this.#target.write(bytes);
  }

  async #pump(gzip: Gzip): Promise<void> {
    for await (const packed of gzip) await this.#store(packed as Buffer);
  }

  async #drained(gzip: Gzip): Promise<void> {
    await Promise.race([once(gzip, 'drain'), this.#pumping]);
  }
}
