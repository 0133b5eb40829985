import { type FaultProxy, startFaultProxy, anyServer, useTestDatabase } from '@copyline/testkit';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import type { Connection } from '../src/index.ts';
import { diagnosticsOf } from '../src/index.ts';
import { connected, conninfoOf, countOf, expectHealthy, lines } from './support/connected.ts';
import { COPY, expectNothingStored, floodFeed, stuckFeed } from './support/copying.ts';

const BAD_VALUE = { code: 'VALUE_REFUSED', sqlstate: '22P02' };

describe.each(anyServer())('a COPY that $name refuses', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;
  let proxy: FaultProxy;
  const unhandled: unknown[] = [];

  beforeEach(async () => {
    proxy = await startFaultProxy(server);
    connection = await connected(conninfoOf(db, proxy));
    await db.sql('create table orders (rid int)');
    unhandled.length = 0;
    const collect = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', collect);
    onTestFinished(() => {
      process.off('unhandledRejection', collect);
      expect(unhandled).toEqual([]);
    });
  });

  it('fails before it begins when the table is missing, with or without data', async () => {
    for (const feed of [() => Promise.resolve(), floodFeed, stuckFeed().feed]) {
      await expect(connection.copyIn('copy nothing from stdin', feed)).rejects.toMatchObject({
        code: 'SQL_FAILED',
        sqlstate: '42P01',
      });
      await expectNothingStored(db, connection);
    }
  });

  it('fails at CopyDone, with the place', async () => {
    const failing = connection.copyIn(COPY, (sink) => sink.write(Buffer.from('1\n2\nx\n')));
    const error: unknown = await failing.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ ...BAD_VALUE, commitState: 'none' });
    expect(diagnosticsOf(error)?.context).toContain('line 3, column rid: "x"');
    await expectNothingStored(db, connection);
  });

  it('fails while it is writing, and the writer is told', async () => {
    let told: unknown;
    const failing = connection.copyIn(COPY, async (sink) => {
      await sink.write(Buffer.from('x\n'));
      await floodFeed(sink).catch((error: unknown) => {
        told = error;
        throw error;
      });
    });
    await expect(failing).rejects.toMatchObject(BAD_VALUE);
    expect(told).toMatchObject(BAD_VALUE);
    await expectNothingStored(db, connection);
  });

  it('fails also when the feed does not care', async () => {
    const failing = connection.copyIn(COPY, async (sink) => {
      await sink.write(Buffer.from('x\n'));
      await floodFeed(sink).catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject(BAD_VALUE);
    await expectNothingStored(db, connection);
  });

  it('fails while the source says nothing', async () => {
    const failing = connection.copyIn(COPY, async (sink) => {
      // COPY looks at whole 64 KiB.
      await sink.write(Buffer.from('x\n'.repeat(40_000)));
      await stuckFeed().feed();
    });
    await expect(failing).rejects.toMatchObject(BAD_VALUE);
    await expectNothingStored(db, connection);
  });

  it('fails once, however many writes nobody waited for', async () => {
    const failing = connection.copyIn(COPY, async (sink) => {
      void sink.write(Buffer.from('x\n'));
      for (let i = 0; i < 400; i += 1) void sink.write(Buffer.alloc(65_536, '1\n'));
      await stuckFeed().feed();
    });
    await expect(failing).rejects.toMatchObject(BAD_VALUE);
    await expectNothingStored(db, connection);
  });

  it('tells the reason of the server when the feed throws after it', async () => {
    const failing = connection.copyIn(COPY, async (sink) => {
      await sink.write(Buffer.from('x\n'));
      await floodFeed(sink).catch(() => undefined);
      throw new Error('because the server had failed');
    });
    await expect(failing).rejects.toMatchObject(BAD_VALUE);
    await expectNothingStored(db, connection);
  });

  it.each([
    ['an error', new Error('the source broke')],
    ['what is no error', 'just text'],
  ])('tells the reason of the feed when it throws %s', async (_, reason) => {
    const failing = connection.copyIn(COPY, async (sink) => {
      await sink.write(lines(1, 1_000));
      throw reason as Error;
    });
    await expect(failing).rejects.toBe(reason);
    await expectNothingStored(db, connection);
  });

  it('tells the reason of a feed that throws at once', async () => {
    const reason = new Error('at once');
    const failing = connection.copyIn(COPY, () => {
      throw reason;
    });
    await expect(failing).rejects.toBe(reason);
    await expectNothingStored(db, connection);
  });

  it('rolls back with its transaction, which is still there', async () => {
    const failing = connection.transaction(async () => {
      await connection.copyIn(COPY, (sink) => sink.write(lines(1, 10)));
      await connection.copyIn(COPY, (sink) => sink.write(Buffer.from('x\n')));
    });
    await expect(failing).rejects.toMatchObject({ ...BAD_VALUE, commitState: 'rolled_back' });
    expect(proxy.queries.at(-1)).toBe('ROLLBACK');
    await expectNothingStored(db, connection);
  });

  it('leaves the transaction to its savepoint', async () => {
    await connection.transaction(async () => {
      await connection.query('savepoint chunk');
      await expect(
        connection.copyIn(COPY, (sink) => sink.write(Buffer.from('x\n'))),
      ).rejects.toMatchObject(server.isFace ? { sqlstate: '0A000' } : BAD_VALUE);
      expect(connection.transactionStatus).toBe('in-error');
      await connection.query('rollback to chunk');
      if (server.isFace) await connection.query('release chunk');
      await connection.copyIn(COPY, (sink) => sink.write(lines(1, 3)));
    });
    expect(await countOf(db, 'orders')).toBe(3);
    await expectHealthy(connection);
  });

  it('fails by a constraint at the very end', async () => {
    await db.sql('alter table orders add unique (rid)');
    const failing = connection.copyIn(COPY, (sink) => sink.write(Buffer.from('1\n1\n')));
    await expect(failing).rejects.toMatchObject({ code: 'CONSTRAINT_VIOLATED', sqlstate: '23505' });
    await expectNothingStored(db, connection);
  });
});
