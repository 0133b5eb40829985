/** What a pool is now, and what it has done since it was made. */
export interface PoolMetrics {
  /** Connections that are open or being opened. */
  readonly total: number;
  /** Open connections that nobody has. */
  readonly idle: number;
  /** Connections that are given out. */
  readonly inUse: number;
  /** Callers that wait for one. */
  readonly waiting: number;
  /** Connections opened so far. */
  readonly connected: number;
  /** Connections given to a caller so far. */
  readonly acquired: number;
  /** Callers that waited in vain. */
  readonly timedOut: number;
  /** Connections that came back in a transaction and were rolled back. */
  readonly rolledBack: number;
  /** Connections destroyed when they came back, because nothing proved them idle and clean. */
  readonly destroyed: number;
}

type Counter = 'connected' | 'acquired' | 'timedOut' | 'rolledBack' | 'destroyed';

/** Counts that only grow. */
export class PoolCounters {
  readonly #counts: Record<Counter, number> = {
    connected: 0,
    acquired: 0,
    timedOut: 0,
    rolledBack: 0,
    destroyed: 0,
  };

  add(counter: Counter): void {
    this.#counts[counter] += 1;
  }

  get all(): Readonly<Record<Counter, number>> {
    return { ...this.#counts };
  }
}
