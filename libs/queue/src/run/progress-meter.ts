import type { JobProgress } from '@copyline/contracts';

/** What a load says of itself while it runs. */
export type Step = Pick<JobProgress, 'phase' | 'bytesRead' | 'bytesTotal' | 'rowsParsed'>;

interface Sample extends Step {
  readonly atMs: number;
}

/** Rates are of the last seconds: the start of a load says little about its end. */
const WINDOW_MS = 10_000;
/** Shorter spans give wild numbers. */
const SHORTEST_MS = 400;

/** Turns the steps of a load into rates and a time left. */
export class ProgressMeter {
  #samples: Sample[] = [];

  /** @param atMs of a clock that never jumps */
  measure(step: Step, atMs: number): JobProgress {
    const before = this.#samples.at(-1);
    if (before !== undefined && before.phase !== step.phase) this.#samples = [];
    this.#samples.push({ ...step, atMs });
    while ((this.#samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs - WINDOW_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0] ?? { ...step, atMs };
    const spanMs = atMs - first.atMs;
    const rate = (now: number, then: number): number | null =>
      spanMs < SHORTEST_MS ? null : (Math.max(0, now - then) / spanMs) * 1_000;
    const bytesPerSecond = rate(step.bytesRead, first.bytesRead);
    const bytesLeft = step.bytesTotal - step.bytesRead;
    return {
      ...step,
      bytesPerSecond,
      rowsPerSecond: rate(step.rowsParsed, first.rowsParsed),
      secondsLeft:
        bytesPerSecond === null || bytesPerSecond === 0 || bytesLeft < 0
          ? null
          : bytesLeft / bytesPerSecond,
    };
  }
}
