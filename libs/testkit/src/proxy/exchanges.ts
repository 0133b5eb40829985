import type { ReplyRule } from './fault-rules.ts';
import type { Frame } from './wire-frames.ts';
import { boundStatement, parseText, queryText } from './wire-messages.ts';

/** Everything between a request and the ReadyForQuery that ends its answer. */
export interface Exchange {
  /** No more messages of the client belong to it: a simple Query, or a Sync has been sent. */
  closed: boolean;
  /** What a fault does with the answer. */
  rule: ReplyRule | undefined;
  /** Messages of the answer that are held back. */
  readonly held: Buffer[];
}

/** Follows who is answering what on one connection. */
export class Exchanges {
  readonly #outstanding: Exchange[] = [];
  readonly #prepared = new Map<string, string>();
  #parsedInThisExchange = new Set<string>();

  /** The exchange the server is answering now. */
  get head(): Exchange | undefined {
    return this.#outstanding[0];
  }

  /** The exchange the client has written to last. */
  get last(): Exchange | undefined {
    return this.#outstanding.at(-1);
  }

  /**
   * Notes a message of the client. Returns the SQL when the message asks for a statement: a
   * Query, a Parse, or the Bind of a statement prepared earlier.
   */
  sent(frame: Frame): string | undefined {
    switch (frame.type) {
      case 'startup':
      case 'F': // FunctionCall: also one request, one ReadyForQuery
        this.#begin(true);
        return undefined;
      case 'Q':
        this.#begin(true);
        return queryText(frame);
      case 'P':
        this.#beginExtended();
        return this.#parsed(frame);
      case 'B':
        this.#beginExtended();
        return this.#bound(frame);
      case 'D':
      case 'E':
      case 'C':
        this.#beginExtended();
        return undefined;
      case 'S':
        this.#beginExtended().closed = true;
        this.#parsedInThisExchange = new Set();
        return undefined;
      default:
        return undefined;
    }
  }

  /** Notes a message of the server; the exchange that it belongs to. */
  answered(frame: Frame): Exchange | undefined {
    const exchange = this.head;
    if (frame.type === 'Z') this.#outstanding.shift();
    // In copy-in mode the server ignores a Sync that was sent along with the Execute: the client
    // sends another one after its data, and only that one is answered.
    if (frame.type === 'G' && exchange && this.#isExtended.has(exchange)) exchange.closed = false;
    return exchange;
  }

  readonly #isExtended = new WeakSet<Exchange>();

  #begin(closed: boolean): Exchange {
    const exchange: Exchange = { closed, rule: undefined, held: [] };
    this.#outstanding.push(exchange);
    return exchange;
  }

  #beginExtended(): Exchange {
    if (this.last && !this.last.closed) return this.last;
    const exchange = this.#begin(false);
    this.#isExtended.add(exchange);
    return exchange;
  }

  #parsed(frame: Frame): string {
    const { statement, sql } = parseText(frame);
    this.#prepared.set(statement, sql);
    this.#parsedInThisExchange.add(statement);
    return sql;
  }

  #bound(frame: Frame): string | undefined {
    const statement = boundStatement(frame);
    // The Parse right before it has been seen already: one run, one entry.
    if (this.#parsedInThisExchange.delete(statement)) return undefined;
    return this.#prepared.get(statement);
  }
}
