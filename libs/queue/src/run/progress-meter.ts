import type { ExtractJobProgress, JobProgress } from '@copyline/contracts';

/** What a load says of itself while it runs. */
export type LoadStep = Pick<JobProgress, 'phase' | 'bytesRead' | 'bytesTotal' | 'rowsParsed'>;
/** What an extract says of itself, which does not know how much there is. */
export type ExtractStep = Pick<ExtractJobProgress, 'phase' | 'bytesRead' | 'rowsRead'>;
export type Step = LoadStep | ExtractStep;

interface Sample {
  readonly phase: string;
  readonly bytes: number;
  readonly rows: number;
  readonly atMs: number;
}

/** Rates are of the last seconds: the start of a load says little about its end. */
const WINDOW_MS = 10_000;
/** Shorter spans give wild numbers. */
const SHORTEST_MS = 400;

/** Turns the steps of a run into rates and, where the end is known, a time left. */
export class ProgressMeter {
  #samples: Sample[] = [];

  /** @param atMs of a clock that never jumps */
  measure(step: LoadStep, atMs: number): JobProgress;
  measure(step: Step, atMs: number): JobProgress | ExtractJobProgress;
  measure(step: Step, atMs: number): JobProgress | ExtractJobProgress {
    const rates = this.#rates({
      phase: step.phase,
      bytes: step.bytesRead,
      rows: 'rowsParsed' in step ? step.rowsParsed : step.rowsRead,
      atMs,
    });
    if (!('bytesTotal' in step)) return { ...step, ...rates };
    const { bytesPerSecond } = rates;
    const bytesLeft = step.bytesTotal - step.bytesRead;
    const isMoving = bytesPerSecond !== null && bytesPerSecond > 0 && bytesLeft >= 0;
    return { ...step, ...rates, secondsLeft: isMoving ? bytesLeft / bytesPerSecond : null };
  }

  #rates(now: Sample): Pick<JobProgress, 'bytesPerSecond' | 'rowsPerSecond'> {
    const before = this.#samples.at(-1);
    if (before !== undefined && before.phase !== now.phase) this.#samples = [];
    this.#samples.push(now);
    while ((this.#samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= now.atMs - WINDOW_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0] ?? now;
    const spanMs = now.atMs - first.atMs;
    const rate = (amount: number): number | null =>
      spanMs < SHORTEST_MS ? null : (Math.max(0, amount) / spanMs) * 1_000;
    return {
      bytesPerSecond: rate(now.bytes - first.bytes),
      rowsPerSecond: rate(now.rows - first.rows),
    };
  }
}
