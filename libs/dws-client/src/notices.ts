import type pg from 'pg';

/** How many notices a connection keeps: enough for the words before an error, bounded for a loop. */
const KEPT = 50;

/** What a server says without being asked: a warning, or a RAISE NOTICE of a function. */
export interface Notice {
  /** `NOTICE`, `WARNING`, …; translated by the server. */
  readonly severity: string | undefined;
  /** Five characters; `00000` for a plain NOTICE, class `01` for warnings. */
  readonly sqlstate: string | undefined;
  /** Translated by the server, as are detail, hint and context. */
  readonly message: string;
  /** More about it; may quote rows. */
  readonly detail: string | undefined;
  /** What the server advises. */
  readonly hint: string | undefined;
  /** Call stack, for notices of functions. */
  readonly context: string | undefined;
}

/** As node-postgres gives it. */
type RawNotice = Readonly<
  Partial<Record<'severity' | 'code' | 'message' | 'detail' | 'hint' | 'where', string | undefined>>
>;

/** Told of every notice as it comes; what it throws is ignored. */
export type NoticeListener = (notice: Notice) => void;

/** The notices of one connection: the last ones kept, all of them emitted. */
export class NoticeLog {
  readonly #client: pg.Client;
  readonly #kept: Notice[] = [];
  readonly #listeners = new Set<NoticeListener>();

  constructor(client: pg.Client) {
    this.#client = client;
    client.on('notice', this.#onNotice);
  }

  /** The last notices, oldest first. */
  get kept(): readonly Notice[] {
    return [...this.#kept];
  }

  /** @returns a function that ends it */
  listen(listener: NoticeListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  close(): void {
    this.#client.off('notice', this.#onNotice);
    this.#listeners.clear();
  }

  readonly #onNotice = (said: RawNotice): void => {
    const { severity, code, message = '', detail, hint, where } = said;
    const notice: Notice = { severity, sqlstate: code, message, detail, hint, context: where };
    this.#kept.push(notice);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) {
      try {
        listener(notice);
      } catch {
        // It runs inside the reading of the socket: an error would end the process.
      }
    }
  };
}
