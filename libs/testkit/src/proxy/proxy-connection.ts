import type { Socket } from 'node:net';
import { Signal } from '../waiting.ts';
import { type Exchange, Exchanges } from './exchanges.ts';
import type { FaultBoard } from './fault-board.ts';
import type { QueryRule, ReplyRule } from './fault-rules.ts';
import { delayed } from './latency.ts';
import { Outlet } from './outlet.ts';
import { type Direction, type Frame, FrameSplitter } from './wire-frames.ts';
import { commandComplete, errorResponse, parse, withSql } from './wire-messages.ts';

/** What a rule does with one message; undefined lets it pass. */
type Action = (() => Promise<void>) | undefined;

/**
 * The server gets this instead of a statement that is to fail, so that its transaction really is
 * in the state the client is told about. It fails in the parser, whatever that state was.
 */
const BROKEN_SQL = 'error injected by the test kit';

/** An answer is known when the server is ready again, or when it starts to copy. */
const ENDS_ANSWER = new Set(['Z', 'G', 'H', 'W']);

/** One client and its own connection to the server, with the faults in between. */
export class ProxyConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #board: FaultBoard;
  readonly #gone = new Signal();
  readonly #exchanges = new Exchanges();
  readonly #splitters = {
    toServer: new FrameSplitter('toServer'),
    toClient: new FrameSplitter('toClient'),
  };
  readonly #outlets: Readonly<Record<Direction, Outlet>>;

  constructor(client: Socket, server: Socket, board: FaultBoard) {
    this.#client = client;
    this.#server = server;
    this.#board = board;
    const outlet = (direction: Direction, sink: Socket): Outlet =>
      new Outlet(direction, sink, board, this.#gone.promise, () => this.reset());
    this.#outlets = { toServer: outlet('toServer', server), toClient: outlet('toClient', client) };
    // The loops over the sockets see every error; this keeps those without a reader quiet.
    client.on('error', () => undefined);
    server.on('error', () => undefined);
  }

  /** Carries bytes both ways until both directions have ended. */
  async run(): Promise<void> {
    await Promise.all([
      this.#pump('toServer', this.#client, (frame) => this.#judgeRequest(frame)),
      this.#pump('toClient', this.#server, (frame) => this.#judgeAnswer(frame)),
    ]);
    this.#client.destroySoon();
    this.#server.destroySoon();
  }

  /** RST to both sides. */
  reset(): void {
    this.#gone.fire();
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  halfClose(direction: Direction): void {
    this.#outlets[direction].halfClose();
  }

  async #pump(
    direction: Direction,
    source: Socket,
    judge: (frame: Frame) => Action,
  ): Promise<void> {
    const outlet = this.#outlets[direction];
    // Without destroyOnReturn: the end of one direction must leave the other one open.
    const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    try {
      for await (const chunk of delayed(chunks, () => this.#board.latencyMs[direction])) {
        for (const frame of this.#splitters[direction].push(chunk)) {
          const counts = this.#board.counts[direction];
          counts.set(frame.type, (counts.get(frame.type) ?? 0) + 1);
          const action = judge(frame);
          if (action === undefined) {
            outlet.add(frame.bytes);
            continue;
          }
          await outlet.flush();
          await action();
        }
        await outlet.flush();
      }
      await outlet.end(this.#splitters[direction].rest());
    } catch {
      // One side was reset: the other side learns it in the same way, unless nothing may pass.
      await outlet.passage();
      this.reset();
    }
  }

  #judgeRequest(frame: Frame): Action {
    if (frame.type === 'sslRequest' || frame.type === 'gssRequest') {
      this.#splitters.toClient.expectAnswerByte();
      return undefined;
    }
    if (frame.type === 'cancelRequest') return this.#judgeCancel(frame);
    const sql = this.#exchanges.sent(frame);
    if (sql === undefined) return undefined;
    this.#board.queries.push(sql);
    const exchange = this.#exchanges.last;
    const rule = this.#board.onQuery.take(sql);
    if (exchange && rule?.fault.kind !== 'inject') exchange.rule ??= this.#board.onReply.take(sql);
    return rule && exchange && (() => this.#applyToQuery(rule, frame, exchange));
  }

  #judgeCancel(frame: Frame): Action {
    const rule = this.#board.onCancel.take('');
    return (
      rule &&
      (async () => {
        rule.markReached();
        await this.#held(rule.released);
        this.#outlets.toServer.add(frame.bytes);
      })
    );
  }

  async #applyToQuery(rule: QueryRule, frame: Frame, exchange: Exchange): Promise<void> {
    const out = this.#outlets.toServer;
    const { fault } = rule;
    switch (fault.kind) {
      case 'drop':
        this.reset();
        return rule.markReached();
      case 'park':
        rule.markReached();
        await this.#held(rule.released);
        return out.add(frame.bytes);
      case 'rewrite':
        // A Bind has no SQL to rewrite: its statement was prepared before the rule was armed.
        if (frame.type === 'B') return out.add(frame.bytes);
        out.add(withSql(frame, fault.sql));
        return rule.markReached();
      case 'inject':
        exchange.rule = {
          fault: { kind: 'replaceError', error: fault.error },
          released: rule.released,
          markReached: () => rule.markReached(),
        };
        return out.add(frame.type === 'B' ? parse(BROKEN_SQL) : withSql(frame, BROKEN_SQL));
    }
  }

  #judgeAnswer(frame: Frame): Action {
    if (frame.type === 'encryptionAnswer' && frame.bytes.toString() !== 'N') {
      this.#splitters.toServer.becomeOpaque();
      this.#splitters.toClient.becomeOpaque();
    }
    const exchange = this.#exchanges.answered(frame);
    const rule = exchange?.rule;
    // What comes before the message that is waited for travels in batches, as without a rule.
    if (rule?.fault.kind === 'parkAt' && rule.fault.letter !== frame.type) return undefined;
    return exchange && rule && (() => this.#applyToAnswer(rule, frame, exchange));
  }

  async #applyToAnswer(rule: ReplyRule, frame: Frame, exchange: Exchange): Promise<void> {
    const out = this.#outlets.toClient;
    const { fault } = rule;
    switch (fault.kind) {
      case 'drop':
        if (!ENDS_ANSWER.has(frame.type)) return;
        this.reset();
        return rule.markReached();
      case 'park':
        exchange.held.push(frame.bytes);
        if (!ENDS_ANSWER.has(frame.type)) return;
        rule.markReached();
        await this.#held(rule.released);
        exchange.rule = undefined;
        return exchange.held.forEach((bytes) => out.add(bytes));
      case 'parkAt':
        rule.markReached();
        await this.#held(rule.released);
        exchange.rule = undefined;
        return out.add(frame.bytes);
      case 'retag':
        if (frame.type !== 'C') return out.add(frame.bytes);
        out.add(commandComplete(fault.commandTag));
        return rule.markReached();
      case 'replaceError':
        if (frame.type === 'Z') return out.add(frame.bytes);
        if (frame.type !== 'E') return;
        out.add(errorResponse(fault.error));
        if ((fault.error.severity ?? 'ERROR') !== 'ERROR') await this.#closeInOrder();
        return rule.markReached();
    }
  }

  /** As a server does after FATAL: what it has said arrives, then both directions end. */
  async #closeInOrder(): Promise<void> {
    await this.#outlets.toClient.end();
    await this.#outlets.toServer.end();
  }

  /** Whatever is parked is let go when the connection is reset. */
  #held(released: Promise<void>): Promise<void> {
    return Promise.race([released, this.#gone.promise]);
  }
}
