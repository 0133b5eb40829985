import { Signal, within } from '../waiting.ts';
import type { Direction } from './wire-frames.ts';
import type { InjectedError } from './wire-messages.ts';

/** Which statements a rule means: a pattern, or a predicate on the SQL. */
export type SqlMatch = RegExp | ((sql: string) => boolean);

/** One armed fault. Every rule works once; arm it again for the next time. */
export interface FaultHandle {
  /** Resolves when the fault has happened; fails after 30 s. */
  readonly reached: Promise<void>;
  /** Lets go what is held. A rule that has not been reached yet is disarmed. */
  release(): void;
}

/** What happens to a request. */
export type QueryFault =
  | { readonly kind: 'drop' }
  | { readonly kind: 'park' }
  | { readonly kind: 'rewrite'; readonly sql: string }
  | { readonly kind: 'inject'; readonly error: InjectedError };

/** What happens to the answer of a request. */
export type ReplyFault =
  | { readonly kind: 'drop' }
  | { readonly kind: 'park' }
  | { readonly kind: 'parkAt'; readonly letter: string }
  | { readonly kind: 'retag'; readonly commandTag: string }
  | { readonly kind: 'replaceError'; readonly error: InjectedError };

/** What happens when so many bytes have gone by. */
export interface ByteFault {
  readonly kind: 'reset' | 'half-close';
  readonly direction: Direction;
  readonly bytes: number;
}

export class FaultRule<Fault> implements FaultHandle {
  readonly fault: Fault;
  readonly #description: string;
  readonly #reached = new Signal();
  readonly #released = new Signal();
  readonly #disarm: () => void;

  constructor(fault: Fault, description: string, disarm: (rule: FaultRule<Fault>) => void) {
    this.fault = fault;
    this.#description = description;
    this.#disarm = () => disarm(this);
  }

  get reached(): Promise<void> {
    const bounded = within(`the proxy's fault ${this.#description}`, this.#reached.promise);
    // Whoever awaits it gets the error; whoever only looked does not crash the run.
    bounded.catch(() => undefined);
    return bounded;
  }

  get released(): Promise<void> {
    return this.#released.promise;
  }

  markReached(): void {
    this.#reached.fire();
  }

  release(): void {
    this.#disarm();
    this.#released.fire();
  }
}

/** What happens to a CancelRequest, which travels on a connection of its own. */
export interface CancelFault {
  readonly kind: 'park';
}

export type QueryRule = FaultRule<QueryFault>;
export type ByteRule = FaultRule<ByteFault>;
/** What an answer needs of its rule; an injected error brings one of its own. */
export type ReplyRule = Pick<FaultRule<ReplyFault>, 'fault' | 'released' | 'markReached'>;

/** Armed rules of one kind, oldest first. */
export class RuleList<Fault> {
  readonly #armed: { rule: FaultRule<Fault>; matches: (sql: string) => boolean }[] = [];

  get rules(): FaultRule<Fault>[] {
    return this.#armed.map(({ rule }) => rule);
  }

  arm(fault: Fault, description: string, match?: SqlMatch): FaultRule<Fault> {
    const rule = new FaultRule(fault, description, (released) => this.remove(released));
    this.#armed.push({ rule, matches: matcher(match) });
    return rule;
  }

  /** The oldest rule for this statement; it is not armed any more. */
  take(sql: string): FaultRule<Fault> | undefined {
    const found = this.#armed.find(({ matches }) => matches(sql))?.rule;
    if (found) this.remove(found);
    return found;
  }

  remove(rule: FaultRule<Fault>): void {
    const at = this.#armed.findIndex((armed) => armed.rule === rule);
    if (at >= 0) this.#armed.splice(at, 1);
  }
}

function matcher(match: SqlMatch | undefined): (sql: string) => boolean {
  if (match === undefined) return () => true;
  // `search` has no memory, unlike `test` with a global pattern.
  return match instanceof RegExp ? (sql) => sql.search(match) >= 0 : match;
}
