import { setTimeout as pause } from 'node:timers/promises';
import { Signal } from '../waiting.ts';

/** What one direction may have under way: a long line holds this much, then it pushes back. */
const IN_FLIGHT_BYTES = 4 * 1024 * 1024;

interface Parcel {
  readonly chunk: Buffer;
  readonly dueAt: number;
}

/**
 * Hands each chunk on a fixed time after it came, as a long line does: the time is latency, not
 * bandwidth, because chunks travel at the same time. The order stays.
 */
export async function* delayed(
  source: AsyncIterable<Buffer>,
  latencyMs: () => number,
): AsyncGenerator<Buffer, void, undefined> {
  const line = new DelayLine();
  const reading = line.fill(source, latencyMs);
  // Awaited below, but it may fail before the last chunk is through.
  reading.catch(() => undefined);
  for (let parcel = await line.next(); parcel; parcel = await line.next()) {
    const remainingMs = parcel.dueAt - performance.now();
    if (remainingMs > 0) await pause(remainingMs);
    yield parcel.chunk;
  }
  // After the last chunk: how the source ended.
  await reading;
}

class DelayLine {
  readonly #parcels: Parcel[] = [];
  #bytes = 0;
  #ended = false;
  #changed = new Signal();

  async fill(source: AsyncIterable<Buffer>, latencyMs: () => number): Promise<void> {
    try {
      for await (const chunk of source) {
        const latency = latencyMs();
        this.#parcels.push({ chunk, dueAt: performance.now() + latency });
        this.#bytes += chunk.length;
        this.#announce();
        // Without latency nothing is read ahead: the proxy must not hide a slow reader.
        const limit = latency > 0 ? IN_FLIGHT_BYTES : 0;
        while (this.#bytes > limit) await this.#changed.promise;
      }
    } finally {
      this.#ended = true;
      this.#announce();
    }
  }

  async next(): Promise<Parcel | undefined> {
    while (this.#parcels.length === 0 && !this.#ended) await this.#changed.promise;
    const parcel = this.#parcels.shift();
    this.#bytes -= parcel?.chunk.length ?? 0;
    this.#announce();
    return parcel;
  }

  #announce(): void {
    this.#changed.fire();
    this.#changed = new Signal();
  }
}
