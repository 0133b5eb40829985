import { Signal } from '../waiting.ts';
import {
  type ByteFault,
  type CancelFault,
  type FaultHandle,
  type QueryFault,
  type ReplyFault,
  RuleList,
} from './fault-rules.ts';
import type { Direction } from './wire-frames.ts';

/** What is armed right now. One board serves every connection of a proxy. */
export class FaultBoard {
  /** The SQL of every request seen, in the order of arrival over all connections. */
  readonly queries: string[] = [];
  /** How many messages of each letter have gone which way. */
  readonly counts: Record<Direction, Map<string, number>> = {
    toServer: new Map(),
    toClient: new Map(),
  };
  readonly onQuery = new RuleList<QueryFault>();
  readonly onReply = new RuleList<ReplyFault>();
  readonly onBytes = new RuleList<ByteFault>();
  readonly onCancel = new RuleList<CancelFault>();
  readonly latencyMs: Record<Direction, number> = { toServer: 0, toClient: 0 };
  /** The most bytes that travel in one write; 0 is no limit. */
  sliceBytes = 0;
  /** How much passes in a second, each way; 0 is no limit. */
  bytesPerSecond = 0;
  /** Of so many packets one is lost; 0 is none. */
  lossOneIn = 0;
  #blackHole: Signal | undefined;

  /** Undefined while bytes may pass, else the promise that they may again. */
  get blocked(): Promise<void> | undefined {
    return this.#blackHole?.promise;
  }

  openBlackHole(): FaultHandle {
    const hole = (this.#blackHole ??= new Signal());
    return {
      reached: Promise.resolve(),
      release: () => {
        if (this.#blackHole === hole) this.#blackHole = undefined;
        hole.fire();
      },
    };
  }
}
