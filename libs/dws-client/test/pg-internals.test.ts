import { anyPostgres, useTestDatabase } from '@copyline/testkit';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { describe, expect, it, onTestFinished } from 'vitest';

/** What whoever upgrades node-postgres or pg-copy-streams reads when one of these fails. */
const ADVICE =
  'pg or pg-copy-streams has changed a private member that the driver reads. Find its successor in ' +
  'node_modules/pg/lib (client.js, connection.js) or node_modules/pg-copy-streams/copy-from.js, ' +
  'change src/wire/pg-internals.ts or src/wire/copy-in-channel.ts, and this test.';

interface Internals {
  readonly connection: EventEmitter & { readonly stream: Socket };
  readonly processID: unknown;
  readonly secretKey: unknown;
  readonly readyForQuery: unknown;
  readonly _queryable: unknown;
  readonly _ending: unknown;
}

interface Login extends EventEmitter {
  readonly stream: Socket;
  connect(port: number | string, host?: string): void;
  startup(parameters: Readonly<Record<string, string>>): void;
  attachListeners(stream: EventEmitter): void;
  password(text: string): void;
}

describe.each(anyPostgres())('the private members of node-postgres on $name', (server) => {
  const db = useTestDatabase(server);

  async function open(): Promise<pg.Client & Internals> {
    const client = new pg.Client({ connectionString: db.url(), application_name: 'contract' });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end());
    return client as unknown as pg.Client & Internals;
  }

  it('connection.stream is the socket, before and after connecting', async () => {
    const fresh = new pg.Client() as unknown as Internals;
    expect(fresh.connection.stream, ADVICE).toBeInstanceOf(Socket);
    const client = await open();
    expect(client.connection.stream, ADVICE).toBeInstanceOf(Socket);
    expect(client.connection.stream.remotePort, ADVICE).toBe(server.port);
    client.connection.stream.destroy();
    await expect(client.query('select 1'), ADVICE).rejects.toThrow();
  });

  it('the wire tells how far the login has come, and what the server reports', async () => {
    const client = new pg.Client({ connectionString: db.url() });
    const told: string[] = [];
    const { connection } = client as unknown as Internals;
    for (const event of ['connect', 'authenticationOk', 'readyForQuery']) {
      connection.once(event, () => told.push(event));
    }
    let version = '';
    connection.on('parameterStatus', (each: Readonly<Record<string, string>>) => {
      if (each['parameterName'] === 'server_version') version = each['parameterValue'] ?? '';
    });
    await client.connect();
    expect(told, ADVICE).toEqual(['connect', 'authenticationOk', 'readyForQuery']);
    expect(version, ADVICE).toContain(String(server.major));
    const { _queryable, _ending } = client as unknown as Internals;
    expect([_queryable, _ending], ADVICE).toEqual([true, false]);
    await client.end();
    expect((client as unknown as Internals)._ending, ADVICE).toBe(true);
  });

  it('the connection has what a login of our own goes around', async () => {
    const told: string[] = [];
    class Tapped extends (pg.Connection as unknown as new (config: object) => Login) {
      override connect(port: number | string, host?: string): void {
        told.push('connect');
        super.connect(port, host);
        expect(this.stream.listeners('close'), ADVICE).toHaveLength(1);
      }
      override startup(parameters: Readonly<Record<string, string>>): void {
        told.push(`startup as ${parameters['user'] ?? ''}`);
        super.startup(parameters);
      }
      override attachListeners(stream: EventEmitter): void {
        told.push('attachListeners');
        const tap = new EventEmitter();
        super.attachListeners(tap);
        expect(tap.listeners('data'), ADVICE).toHaveLength(1);
        stream.on('data', (bytes: Buffer) => tap.emit('data', bytes));
      }
    }
    const client = new pg.Client({ connectionString: db.url() }) as unknown as Omit<
      pg.Client,
      'connection' | 'password'
    > & {
      connection: Login;
      readonly connectionParameters: { readonly ssl: unknown; readonly sslnegotiation: unknown };
      readonly user: string;
      password: unknown;
      _getPassword(done: () => void): void;
    };
    const { ssl, sslnegotiation } = client.connectionParameters;
    client.connection = new Tapped({ ssl, sslNegotiation: sslnegotiation });
    const reported = new Map<string, string>();
    const note = (each: { parameterName: string; parameterValue: string }): void => {
      reported.set(each.parameterName, each.parameterValue);
    };
    client.connection.on('parameterStatus', note);
    expect('password' in client.connection, ADVICE).toBe(true);
    client.password = () => server.password;
    await new Promise<void>((resolve) => {
      client._getPassword(resolve);
    });
    expect([client.user, client.password], ADVICE).toEqual([server.user, server.password]);
    await client.connect();
    onTestFinished(() => client.end());
    expect(told, ADVICE).toEqual(['connect', 'attachListeners', `startup as ${server.user}`]);
    expect(reported.get('server_version'), ADVICE).toMatch(new RegExp(`^${server.major}`));
    expect((await client.query('select 1 as one')).rows, ADVICE).toEqual([{ one: 1 }]);
  });

  it('processID and secretKey are what a CancelRequest needs', async () => {
    const fresh = new pg.Client() as unknown as Internals;
    expect([fresh.processID, fresh.secretKey], ADVICE).toEqual([null, null]);
    const client = await open();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(client.processID, ADVICE).toBe(rows[0]?.pid);
    expect(client.secretKey, ADVICE).toEqual(expect.any(Number));
  });

  it('readyForQuery is false from a statement to its end, and the event tells the end', async () => {
    const client = await open();
    expect(client.readyForQuery, ADVICE).toBe(true);
    let isReady = false;
    client.connection.once('readyForQuery', () => (isReady = true));
    const running = client.query('select 1');
    expect(client.readyForQuery, ADVICE).toBe(false);
    await running;
    expect([isReady, client.readyForQuery], ADVICE).toEqual([true, true]);
  });

  it('connection tells its end, after the client has told its error', async () => {
    const client = await open();
    const told: string[] = [];
    client.once('error', () => told.push('error'));
    const ended = new Promise<void>((resolve) =>
      client.connection.once('end', () => {
        told.push('end');
        resolve();
      }),
    );
    await db.sql('select pg_terminate_backend($1)', [client.processID]);
    await ended;
    expect(told, ADVICE).toEqual(['error', 'end']);
    expect(client.connection.stream.closed, ADVICE).toBe(true);
  });

  it('a COPY stream counts, fails by an event without being destroyed, and takes CopyFail', async () => {
    const client = await open();
    await client.query('create temporary table orders (rid int)');
    const good = client.query(copyFrom('copy orders from stdin'));
    expect(good, ADVICE).toBeInstanceOf(Writable);
    await new Promise<void>((resolve) => good.end('1\n2\n', () => resolve()));
    expect(good.rowCount, ADVICE).toBe(2);

    const bad = client.query(copyFrom('copy orders from stdin'));
    const refused = new Promise<Error>((resolve) => bad.once('error', resolve));
    bad.end('x\n');
    expect(await refused, ADVICE).toMatchObject({ code: '22P02' });
    expect(bad.destroyed, ADVICE).toBe(false);

    const given = client.query(copyFrom('copy orders from stdin'));
    const failed = new Promise<Error>((resolve) => given.once('error', resolve));
    given.destroy(new Error('enough'));
    expect(await failed, ADVICE).toMatchObject({ code: '57014' });
    expect((await client.query('select rid from orders')).rowCount, ADVICE).toBe(2);
  });

  it('a connection has one reader of its bytes, which takes them in any pieces', async () => {
    const client = await open();
    const { stream } = client.connection;
    const readers = stream.listeners('data') as ((bytes: Buffer) => void)[];
    expect(readers, ADVICE).toHaveLength(1);
    stream.removeAllListeners('data');
    stream.on('data', (bytes: Buffer) => {
      for (const byte of bytes) readers[0]?.call(stream, Buffer.from([byte]));
    });
    expect((await client.query('select 1 as one')).rows, ADVICE).toEqual([{ one: 1 }]);
  });

  it('what is submitted gets the connection, and is told the answers', async () => {
    const client = await open();
    const told: string[] = [];
    const submitted = (text: string): Promise<unknown> =>
      new Promise((resolve) => {
        client.query({
          submit(wire: EventEmitter & { stream: Socket; query(sql: string): void }) {
            expect(wire.stream, ADVICE).toBe(client.connection.stream);
            wire.query(text);
          },
          handleRowDescription: () => told.push('row description'),
          handleDataRow: () => told.push('row'),
          handleCommandComplete: ({ text: tag }: { text: string }) => told.push(tag),
          handleReadyForQuery: () => resolve('ready'),
          handleError: (error: Error) => resolve(error),
          handleEmptyQuery: () => told.push('empty'),
          handleCopyInResponse: (wire: { sendCopyFail(reason: string): void }) => {
            wire.sendCopyFail('enough');
          },
        } as unknown as pg.Submittable);
      });
    expect(await submitted('select 1'), ADVICE).toBe('ready');
    expect(await submitted(''), ADVICE).toBe('ready');
    expect(told, ADVICE).toEqual(['row description', 'row', 'SELECT 1', 'empty']);
    expect(await submitted('select 1 / 0'), ADVICE).toMatchObject({ code: '22012' });
    await client.query('create temporary table orders (rid int)');
    expect(await submitted('copy orders from stdin'), ADVICE).toMatchObject({ code: '57014' });
    expect((await client.query('select 1 as one')).rows, ADVICE).toEqual([{ one: 1 }]);
  });

  it('an error that submit returns is told, and nothing counts as sent', async () => {
    const client = await open();
    const reason = new Error('not now');
    const told = await new Promise((resolve) => {
      client.query({
        submit: () => reason,
        handleError: (error: Error) => resolve(error),
      } as unknown as pg.Submittable);
    });
    expect(told, ADVICE).toBe(reason);
    expect((await client.query('select 1 as one')).rows, ADVICE).toEqual([{ one: 1 }]);
  });

  it('a query with a listener for rows keeps none of them', async () => {
    const client = await open();
    const query = new pg.Query<{ i: number }>('select i from generate_series(1, 3) i');
    const rows: unknown[] = [];
    query.on('row', (row) => rows.push(row));
    const result = await new Promise((resolve, reject) => {
      query.on('end', resolve).on('error', reject);
      client.query(query);
    });
    expect(rows, ADVICE).toEqual([{ i: 1 }, { i: 2 }, { i: 3 }]);
    expect(result, ADVICE).toMatchObject({ rows: [] });
  });

  it('getTransactionStatus tells the last word, and a server error has its fields', async () => {
    const client = await open();
    const said = [client.getTransactionStatus()];
    await client.query('begin');
    said.push(client.getTransactionStatus());
    const error: unknown = await client.query('select 1 / 0').catch((reason: unknown) => reason);
    await client.query('').catch(() => undefined);
    said.push(client.getTransactionStatus());
    await client.query('rollback');
    expect(said, ADVICE).toEqual(['I', 'T', 'E']);
    expect(error, ADVICE).toBeInstanceOf(pg.DatabaseError);
    expect(error, ADVICE).toMatchObject({ code: '22012', severity: 'ERROR', routine: 'int4div' });
  });
});
