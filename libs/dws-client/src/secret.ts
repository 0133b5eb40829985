import { inspect } from 'node:util';

/**
 * A value that cannot be printed or serialised by accident: template strings, `JSON.stringify`,
 * `console.log` and error dumps all show `***`.
 */
export class Secret {
  readonly #value: string;

  /** Keeps the value where nothing that prints can reach it. */
  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it only where the value leaves the process on purpose. */
  reveal(): string {
    return this.#value;
  }

  /** `***` */
  toString(): string {
    return '***';
  }

  /** `***` */
  toJSON(): string {
    return '***';
  }

  /** `Secret(***)`, for `console.log` and error dumps. */
  [inspect.custom](): string {
    return 'Secret(***)';
  }
}
