const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first signal asks to stop, the second one to give up everything at once. */
export class StopSignals implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal: (name: NodeJS.Signals) => void;
  /** Settles with the first signal. */
  readonly first: Promise<NodeJS.Signals>;

  constructor(onSecond: () => void) {
    let resolveFirst: (name: NodeJS.Signals) => void;
    this.first = new Promise((resolve) => (resolveFirst = resolve));
    this.#onSignal = (name) => {
      if (this.#controller.signal.aborted) return onSecond();
      this.#controller.abort();
      resolveFirst(name);
    };
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  /** Aborted from the first signal on. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }
}
