import { CopylineError } from '@copyline/contracts';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';

import { isGaussRequest, refuseAuthCode } from '../login/auth-request.ts';
import { PgConnection, type PgConnectionConfig } from './pg-internals.ts';

/**
 * The minor version of protocol 3 that a connection starts with. PostgreSQL speaks 0. GaussDB speaks 0,
 * 50 and 51, and tells by 51 how its SHA256 login is to be computed.
 */
export type ProtocolMinor = 0 | 50 | 51;

/** What a GaussDB server asks for: the code of its request, and what follows the code. */
export interface GaussRequest {
  readonly code: number;
  readonly body: Buffer;
}

/** As in libpq: nothing that is said before the end of a login is longer. */
const LONGEST_MESSAGE = 30_000;

/** Requests that node-postgres answers: none, clear text, MD5, and SASL in three steps. */
const STOCK_CODES = new Set([0, 3, 5, 10, 11, 12]);
const AUTH_OK = 0;
const SASL_CODE = 10;

/** node-postgres' parameters of the start-up message. */
export type StartupParameters = Readonly<Record<string, string>>;

/**
 * node-postgres' connection, with a reader of our own before it until the login is over: it takes out
 * the requests that only GaussDB makes. A server that turns out to speak another protocol is dialled
 * once more, with that one; whoever waits for the connection does not notice.
 *
 * Emits `gaussRequest` with a {@link GaussRequest}.
 */
export class LoginConnection extends PgConnection {
  /** What it speaks, or speaks now. */
  minor: ProtocolMinor;
  readonly #mayChange: boolean;
  #hasChanged = false;
  #address: { readonly port: number | string; readonly host: string | undefined } = {
    port: 0,
    host: undefined,
  };
  #raw: Socket | undefined;
  /** node-postgres' own listeners on the socket, by which it hears of the end. */
  #enders: readonly (() => void)[] = [];

  /** @param protocol what to begin with, and whether GaussDB's login by 3.0 is to be taken as it is */
  constructor(
    config: PgConnectionConfig,
    protocol: { readonly minor: ProtocolMinor; readonly isAsked: boolean },
  ) {
    super(config);
    this.minor = protocol.minor;
    this.#mayChange = !protocol.isAsked;
  }

  override connect(port: number | string, host?: string): void {
    this.#address = { port, host };
    this.#raw = this.stream;
    super.connect(port, host);
    this.#enders = this.#raw.listeners('close') as (() => void)[];
  }

  override startup(parameters: StartupParameters): void {
    this.stream.write(startupMessage(this.minor, parameters));
  }

  override attachListeners(stream: Socket): void {
    const tap = new EventEmitter();
    super.attachListeners(tap);
    stream.on('end', () => tap.emit('end'));
    const judge = (type: string, body: Buffer): Verdict => this.#judge(type, body);
    readLogin(stream, tap, judge, (error) => this.emit('error', error));
  }

  #judge(type: string, body: Buffer): Verdict {
    // NegotiateProtocolVersion: a PostgreSQL that is asked for more than it speaks.
    if (type === 'v' || (type === 'E' && isUnknownProtocol(body))) {
      if (this.minor === 0 || this.#hasChanged) return 'pass';
      return this.#dialAgain(0);
    }
    if (type !== 'R' || body.length < 4) return 'pass';
    const code = body.readInt32BE(0);
    const rest = body.subarray(4);
    if (code === AUTH_OK) return 'last';
    if (isGaussRequest(code, rest)) {
      if (this.minor === 0 && this.#mayChange && !this.#hasChanged) return this.#dialAgain(51);
      this.emit('gaussRequest', { code, body: rest } satisfies GaussRequest);
      return 'taken';
    }
    // Of those after it PostgreSQL makes none unless SASL has begun, and GaussDB means another thing.
    if (!STOCK_CODES.has(code) || (code > SASL_CODE && !this.#hasSasl)) refuseAuthCode(code);
    this.#hasSasl ||= code === SASL_CODE;
    return 'pass';
  }

  #hasSasl = false;

  /** The server is left before it has been told who asks: no attempt to log in counts. */
  #dialAgain(minor: ProtocolMinor): Verdict {
    this.#hasChanged = true;
    this.minor = minor;
    for (const ender of this.#enders) this.#raw?.off('close', ender);
    this.stream.destroy();
    this.#raw?.destroy();
    this.stream = new Socket();
    this.connect(this.#address.port, this.#address.host);
    return 'gone';
  }
}

/**
 * What becomes of a message: node-postgres gets it, or nobody does; it gets it and all that follows; the
 * connection it came from is no more.
 */
type Verdict = 'pass' | 'taken' | 'last' | 'gone';

/** Gives messages to node-postgres' reader one by one, until one is the last; then the socket. */
function readLogin(
  stream: Socket,
  reader: EventEmitter,
  judge: (type: string, body: Buffer) => Verdict,
  onError: (error: unknown) => void,
): void {
  let unread: Buffer = Buffer.alloc(0);
  const onData = (bytes: Buffer): void => {
    unread = unread.length === 0 ? bytes : Buffer.concat([unread, bytes]);
    try {
      for (;;) {
        const length = messageLength(unread);
        if (length === undefined || unread.length < length) return;
        const message = unread.subarray(0, length);
        unread = unread.subarray(length);
        const type = String.fromCharCode(message[0] ?? 0);
        const verdict = judge(type, message.subarray(5));
        if (verdict === 'gone') break;
        if (verdict !== 'taken') reader.emit('data', message);
        if (verdict === 'last') {
          // In this order the stream never is without a reader, and so never stops flowing.
          for (const own of reader.listeners('data')) stream.on('data', own as () => void);
          break;
        }
      }
      stream.off('data', onData);
      if (unread.length > 0 && !stream.destroyed) reader.emit('data', unread);
    } catch (error) {
      stream.off('data', onData);
      onError(error);
    }
  };
  stream.on('data', onData);
}

/** @throws CopylineError `CONNECT_FAILED` for what is no message */
function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < 5) return undefined;
  const length = bytes.readInt32BE(1);
  if (length >= 4 && length <= LONGEST_MESSAGE) return length + 1;
  throw new CopylineError('CONNECT_FAILED', 'The server does not speak PostgreSQL’s protocol', {
    phase: 'connect',
  });
}

function isUnknownProtocol(errorFields: Buffer): boolean {
  const text = errorFields.toString('latin1');
  return text.includes('\0C0A000\0') && text.includes('frontend protocol');
}

function startupMessage(minor: ProtocolMinor, parameters: StartupParameters): Buffer {
  const texts = [...Object.entries(parameters).flat(), 'client_encoding', 'UTF8', ''];
  const body = Buffer.from(texts.map((text) => `${text}\0`).join(''));
  const header = Buffer.alloc(8);
  header.writeInt32BE(header.length + body.length, 0);
  header.writeUInt16BE(3, 4);
  header.writeUInt16BE(minor, 6);
  return Buffer.concat([header, body]);
}
