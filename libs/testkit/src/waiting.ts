import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface WaitOptions {
  /** Fails after this long; 10 s unless told. */
  readonly timeoutMs?: number;
  /** Pause between two looks; 10 ms unless told. */
  readonly intervalMs?: number;
}

type Falsy = false | 0 | 0n | '' | null | undefined;

/**
 * Looks until `predicate` answers something truthy, and returns that answer. Tests never sleep:
 * they wait for a state that can be seen, and fail with what they saw last.
 *
 * An error thrown by the predicate ends the waiting at once.
 */
export async function waitFor<Value>(
  description: string,
  predicate: () => Value | Promise<Value>,
  { timeoutMs = 10_000, intervalMs = 10 }: WaitOptions = {},
): Promise<Exclude<Value, Falsy>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const remainingMs = Math.max(1, deadline - performance.now());
    const value = await within(description, Promise.resolve(predicate()), remainingMs);
    if (value) return value as Exclude<Value, Falsy>;
    if (performance.now() >= deadline) {
      throw new Error(
        `waited ${timeoutMs} ms in vain for: ${description}; last seen: ${inspect(value)}`,
      );
    }
    await pause(intervalMs);
  }
}

/** The promise itself, or an error that names what never came. */
export async function within<Value>(
  description: string,
  promise: PromiseLike<Value>,
  timeoutMs = 30_000,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`waited ${Math.round(timeoutMs)} ms in vain for: ${description}`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Something that happens once: any number of waiters, told from outside. */
export class Signal {
  readonly promise: Promise<void>;
  #fire: () => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve) => (this.#fire = resolve));
  }

  fire(): void {
    this.#fire();
  }
}
