import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { FaultBoard } from './fault-board.ts';
import type { ByteRule } from './fault-rules.ts';
import type { Direction } from './wire-frames.ts';

/** What an Ethernet carries at once. */
const PACKET_BYTES = 1460;
/** The least that Linux waits for an acknowledgement before it sends again. */
const RETRANSMISSION_MS = 200;
/** The most that a narrow line makes up for. */
const LATE_MS = 20;

/** The writing end of one direction: batches messages, counts bytes, cuts where a rule says so. */
export class Outlet {
  readonly #direction: Direction;
  readonly #sink: Socket;
  readonly #board: FaultBoard;
  /** Black holes end for a connection that is reset, too. */
  readonly #gone: Promise<void>;
  readonly #resetBoth: () => void;
  readonly #counts = new Map<ByteRule, number>();
  #batch: Buffer[] = [];
  #closed = false;
  #packets = 0;
  /** When a narrow line has carried what was given to it. */
  #freeAt = 0;

  constructor(
    direction: Direction,
    sink: Socket,
    board: FaultBoard,
    gone: Promise<void>,
    resetBoth: () => void,
  ) {
    this.#direction = direction;
    this.#sink = sink;
    this.#board = board;
    this.#gone = gone;
    this.#resetBoth = resetBoth;
  }

  /** Takes a message; it leaves with the next `flush`. */
  add(bytes: Buffer): void {
    this.#batch.push(bytes);
  }

  /** Resolves when the kernel has the bytes, which is all the back-pressure the proxy needs. */
  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const bytes = this.#batch.length === 1 ? this.#batch[0] : Buffer.concat(this.#batch);
    this.#batch = [];
    await this.passage();
    if (!bytes || this.#closed) return;
    const cut = this.#findCut(bytes.length);
    await this.#write(cut ? bytes.subarray(0, cut.after) : bytes);
    if (cut) this.#apply(cut.rule);
  }

  /** Ends this direction like an orderly close: the rest, then FIN. */
  async end(rest?: Buffer): Promise<void> {
    if (rest && rest.length > 0) this.add(rest);
    await this.flush();
    await this.passage();
    this.halfClose();
  }

  /** Sends FIN now; what comes later for this direction is thrown away. */
  halfClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink.end();
  }

  /** Resolves when no black hole is open. */
  async passage(): Promise<void> {
    while (this.#board.blocked) {
      const dead = await Promise.race([this.#board.blocked, this.#gone.then(() => true)]);
      if (dead) return;
    }
  }

  #findCut(length: number): { rule: ByteRule; after: number } | undefined {
    for (const rule of this.#board.onBytes.rules) {
      if (rule.fault.direction !== this.#direction) continue;
      const before = this.#counts.get(rule) ?? 0;
      if (before + length >= rule.fault.bytes) return { rule, after: rule.fault.bytes - before };
      this.#counts.set(rule, before + length);
    }
    return undefined;
  }

  #apply(rule: ByteRule): void {
    this.#board.onBytes.remove(rule);
    if (rule.fault.kind === 'reset') this.#resetBoth();
    else this.halfClose();
    rule.markReached();
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { sliceBytes, bytesPerSecond, lossOneIn } = this.#board;
      const isBad = bytesPerSecond > 0 || lossOneIn > 0;
      const size = sliceBytes || (isBad ? PACKET_BYTES : bytes.length);
      const packet = bytes.subarray(at, at + size);
      at += packet.length;
      if (isBad) await this.#travel(packet.length);
      await this.#writeOnce(packet);
    }
  }

  /** The time that a packet takes over a narrow or bad line. */
  async #travel(bytes: number): Promise<void> {
    const { bytesPerSecond, lossOneIn } = this.#board;
    this.#packets += 1;
    if (lossOneIn > 0 && this.#packets % lossOneIn === 0) await pause(RETRANSMISSION_MS);
    if (bytesPerSecond === 0) return;
    // Timers come late: what one has overslept the next packets have less to wait.
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now - LATE_MS) + (bytes / bytesPerSecond) * 1000;
    if (this.#freeAt > now) await pause(this.#freeAt - now);
  }

  #writeOnce(bytes: Buffer): Promise<void> {
    // An error means that the peer has gone; the reading side of that socket reports it.
    return new Promise((resolve) => this.#sink.write(bytes, () => resolve()));
  }
}
