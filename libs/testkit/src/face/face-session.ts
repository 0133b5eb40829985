import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import pg from 'pg';
import { type Frame, FrameSplitter } from '../proxy/wire-frames.ts';
import {
  errorResponse,
  type InjectedError,
  message,
  parseText,
  queryText,
  withSql,
} from '../proxy/wire-messages.ts';
import { challenge } from './gauss-login.ts';
import { DWS_PARAMETERS, refusalOf, rewrite, UNKNOWN_PARAMETERS } from './gauss-sql.ts';
import type { FaceRole } from './gauss-keys.ts';

/** What a session asks the face that it belongs to. */
export interface FaceRules {
  role(user: string): Promise<FaceRole | undefined>;
  /** An error that a test wants this statement to fail with. */
  injected(sql: string): InjectedError | undefined;
  /** The real server's address and the passwords that it knows. */
  readonly server: { readonly host: string; readonly port: number };
  opened(session: FaceSession): void;
  /** Hands a CancelRequest on, if the session is one of this coordinator's; resolves when it is over. */
  cancel(processId: number, secretKey: number): Promise<void>;
}

/** Fails in the parser, whatever state a transaction is in; see `ProxyConnection`. */
const BROKEN_SQL = 'refused by the face';

/** What GaussDB says to whoever does not know the password. */
const LOGIN_DENIED: InjectedError = {
  severity: 'FATAL',
  sqlstate: '28P01',
  message: 'Invalid username/password,login denied.',
};

/** node-postgres' members that the face takes over. */
interface Upstream {
  readonly connection: { readonly stream: Socket } & NodeJS.EventEmitter;
  readonly processID: number;
  readonly secretKey: number;
}

/** One client of the face, from its start-up message on, and its session with the real server. */
export class FaceSession {
  readonly #client: Socket;
  readonly #rules: FaceRules;
  readonly #requests = new FrameSplitter('toServer');
  #startup: ReadonlyMap<string, string> = new Map();
  #answerTo: ((answer: string) => void) | undefined;
  #upstream: Upstream | undefined;
  #savepoints = 0;
  readonly #refusals: InjectedError[] = [];

  constructor(client: Socket, rules: FaceRules) {
    this.#client = client;
    this.#rules = rules;
    client.on('error', () => undefined);
  }

  /** By which its coordinator finds it; the real server's own. */
  get key(): readonly [number, number] | undefined {
    return this.#upstream && [this.#upstream.processID, this.#upstream.secretKey];
  }

  /** RST to both sides: the coordinator has died. */
  reset(): void {
    if (this.#client instanceof TLSSocket) this.#client.destroy();
    else this.#client.resetAndDestroy();
    this.#upstream?.connection.stream.resetAndDestroy();
  }

  async run(): Promise<void> {
    try {
      await this.#pump(this.#client, (bytes) => {
        for (const frame of this.#requests.push(bytes)) this.#judge(frame);
      });
    } catch {
      // The client was reset: so is what stands behind it.
    }
    if (this.#upstream !== undefined) this.#upstream.connection.stream.end();
    this.#client.destroySoon();
  }

  /** Hands pieces on at the pace of whoever takes them. */
  async #pump(source: Socket, onBytes: (bytes: Buffer) => void): Promise<void> {
    const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const bytes of chunks) {
      onBytes(bytes);
      await this.#flush();
    }
  }

  readonly #outgoing: { toServer: Buffer[]; toClient: Buffer[] } = { toServer: [], toClient: [] };

  async #flush(): Promise<void> {
    const { toServer, toClient } = this.#outgoing;
    await Promise.all([
      write(this.#upstream?.connection.stream, toServer.splice(0)),
      write(this.#client, toClient.splice(0)),
    ]);
  }

  #judge(frame: Frame): void {
    switch (frame.type) {
      case 'sslRequest':
      case 'gssRequest':
        return this.#tell(Buffer.from('N'));
      case 'cancelRequest':
        void this.#rules
          .cancel(frame.bytes.readInt32BE(8), frame.bytes.readInt32BE(12))
          .then(() => this.#client.end());
        return;
      case 'startup':
        void this.#start(frame.bytes).catch(() => this.#client.destroy());
        return;
      case 'p':
        this.#answerTo?.(frame.bytes.toString('utf8', 5, frame.bytes.length - 1));
        return;
      case 'Q':
      case 'P':
        return this.#send(this.#judgeSql(frame));
      default:
        return this.#send(frame.bytes);
    }
  }

  async #start(packet: Buffer): Promise<void> {
    const [major, minor] = [packet.readUInt16BE(4), packet.readUInt16BE(6)];
    if (major !== 3 || ![0, 50, 51].includes(minor)) {
      const text = `unsupported frontend protocol ${major}.${minor}`;
      return this.#refuse({ severity: 'FATAL', sqlstate: '0A000', message: text });
    }
    const texts = packet.toString('utf8', 8).split('\0');
    this.#startup = new Map(
      texts.flatMap((name, i) => (i % 2 ? [] : [[name, texts[i + 1] ?? '']])),
    );
    const user = this.#startup.get('user') ?? '';
    const role = await this.#rules.role(user);
    const asked = challenge(user, role, minor);
    this.#answerTo = (answer) => {
      this.#answerTo = undefined;
      if (asked.accepts(answer)) void this.#open(user, role?.password ?? '');
      else this.#refuse(LOGIN_DENIED);
    };
    this.#tell(message('R', asked.body));
    await this.#flush();
  }

  /** The client is who it says: a session for it on the real server. */
  async #open(user: string, password: string): Promise<void> {
    const client = new pg.Client({
      ...this.#rules.server,
      user,
      password,
      database: this.#startup.get('database') ?? user,
      application_name: this.#startup.get('application_name') ?? '',
      options: this.#startup.get('options') ?? '',
      client_encoding: 'UTF8',
    });
    client.on('error', () => undefined);
    const upstream = client as unknown as Upstream;
    const parameters = new Map<string, string>();
    upstream.connection.on('parameterStatus', (each: Record<string, string>) => {
      parameters.set(each['parameterName'] ?? '', each['parameterValue'] ?? '');
    });
    try {
      await client.connect();
    } catch (error) {
      const { code = '08000', message: text } = error as pg.DatabaseError;
      return this.#refuse({ severity: 'FATAL', sqlstate: code, message: text });
    }
    const { stream } = upstream.connection;
    stream.removeAllListeners('data');
    stream.pause();
    this.#upstream = upstream;
    this.#rules.opened(this);
    const reported = { ...Object.fromEntries(parameters), ...DWS_PARAMETERS };
    this.#tell(message('R', Buffer.alloc(4)));
    for (const [name, value] of Object.entries(reported)) {
      if (UNKNOWN_PARAMETERS.has(name)) continue;
      this.#tell(message('S', Buffer.from(`${name}\0${value}\0`)));
    }
    const key = Buffer.alloc(8);
    key.writeInt32BE(upstream.processID, 0);
    key.writeInt32BE(upstream.secretKey, 4);
    this.#tell(message('K', key), message('Z', Buffer.from('I')));
    await this.#flush();
    await this.#answer(stream);
  }

  /** Carries what the real server says to the client. */
  async #answer(stream: Socket): Promise<void> {
    const answers = new FrameSplitter('toClient');
    try {
      await this.#pump(stream, (bytes) => {
        for (const frame of answers.push(bytes)) this.#tell(this.#disguise(frame));
      });
      this.#client.end();
    } catch {
      this.reset();
    }
  }

  #judgeSql(frame: Frame): Buffer {
    const sql = frame.type === 'Q' ? queryText(frame) : parseText(frame).sql;
    const refusal = this.#rules.injected(sql) ?? refusalOf(sql, this.#savepoints);
    if (refusal !== undefined) {
      this.#refusals.push(refusal);
      return withSql(frame, BROKEN_SQL);
    }
    if (/^\s*savepoint\b/i.test(sql)) this.#savepoints += 1;
    if (/^\s*release\b/i.test(sql)) this.#savepoints -= 1;
    const rewritten = rewrite(sql);
    return rewritten === sql ? frame.bytes : withSql(frame, rewritten);
  }

  #disguise({ type, bytes }: Frame): Buffer {
    if (type === 'Z' && bytes.toString('latin1', 5) === 'I') this.#savepoints = 0;
    if (type !== 'E') return bytes;
    const refusal = this.#refusals.shift();
    return refusal === undefined ? bytes : errorResponse(refusal);
  }

  #refuse(error: InjectedError): void {
    this.#tell(errorResponse(error));
    void this.#flush().then(() => this.#client.end());
  }

  #tell(...messages: Buffer[]): void {
    this.#outgoing.toClient.push(...messages.filter(({ length }) => length > 0));
  }

  #send(bytes: Buffer): void {
    this.#outgoing.toServer.push(bytes);
  }
}

async function write(sink: Socket | undefined, messages: readonly Buffer[]): Promise<void> {
  if (sink === undefined || messages.length === 0) return;
  const bytes = messages.length === 1 && messages[0] ? messages[0] : Buffer.concat(messages);
  // An error means that the peer has gone; the reading side of that socket reports it.
  await new Promise<void>((resolve) => sink.write(bytes, () => resolve()));
}
