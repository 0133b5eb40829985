import { CopylineError, type ErrorPhase } from '@copyline/contracts';

/** Ends a COPY when one side of it gives or takes nothing for too long. */
export class StallWatch {
  readonly #phase: ErrorPhase;
  readonly #timeoutMs: number | undefined;
  readonly #onStall: (reason: CopylineError) => void;
  #timer: NodeJS.Timeout | undefined;
  #since = 0;
  #culprit = '';

  constructor(
    phase: ErrorPhase,
    timeoutMs: number | undefined,
    onStall: (reason: CopylineError) => void,
  ) {
    this.#phase = phase;
    this.#timeoutMs = timeoutMs;
    this.#onStall = onStall;
  }

  /** From now on it is this one's turn. Cheap: called for every chunk. */
  start(culprit: string): void {
    if (this.#timeoutMs === undefined) return;
    this.#culprit = culprit;
    this.#since = performance.now();
    // One timer for many chunks: it looks at the time when it fires, and sleeps for the rest.
    this.#timer ??= setTimeout(this.#look, this.#timeoutMs);
  }

  stop(): void {
    this.#culprit = '';
  }

  /** For good; lets the process end. */
  end(): void {
    this.stop();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    if (this.#timeoutMs === undefined || this.#culprit === '') return;
    const leftMs = this.#timeoutMs - (performance.now() - this.#since);
    if (leftMs > 1) {
      this.#timer = setTimeout(this.#look, leftMs);
      return;
    }
    const idleMs = `${String(this.#timeoutMs)} ms`;
    this.#onStall(
      new CopylineError('COPY_STALLED', `${this.#culprit} made no progress for ${idleMs}`, {
        phase: this.#phase,
      }),
    );
  };
}
