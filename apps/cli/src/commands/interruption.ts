import { CopylineError } from '@copyline/contracts';

import { EXIT } from '../exit-code.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort, and the second into an exit at once (the
 * server then rolls back by itself).
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal: (name: NodeJS.Signals) => void;
  /** Whether COMMIT has been sent: leaving now leaves the outcome unknown. */
  isCommitting = false;

  constructor(onFirst: (isCommitting: boolean) => void) {
    this.#onSignal = (name) => {
      if (this.#controller.signal.aborted) {
        process.exit(this.isCommitting ? EXIT.inDoubt : EXIT.interrupted);
      }
      onFirst(this.isCommitting);
      this.#controller.abort(new CopylineError('INTERRUPTED', `Interrupted by ${name}`));
    };
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }
}
