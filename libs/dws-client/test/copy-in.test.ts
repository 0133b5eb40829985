import { openGate, testServers, useTestDatabase, waitFor } from '@copyline/testkit';
import { createHash, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../src/index.ts';
import { connected, conninfoOf, countOf, expectHealthy, lines } from './support/connected.ts';
import { BLOCK, COPY, floodFeed, stuckFeed } from './support/copying.ts';

describe.each(testServers())('COPY FROM STDIN to $name', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;

  beforeEach(async () => {
    connection = await connected(conninfoOf(db));
    await db.sql('create table orders (rid int)');
  });

  it('stores what is written and gives the count of the server', async () => {
    const rows = await connection.copyIn(COPY, async (sink) => {
      for (let i = 0; i < 100; i += 1) await sink.write(lines(i * 100 + 1, (i + 1) * 100));
    });
    expect(rows).toBe(10_000);
    expect(await db.sql('select count(distinct rid) as n, sum(rid) as s from orders')).toEqual([
      { n: 10_000n, s: 50_005_000n },
    ]);
    await expectHealthy(connection);
  });

  it('takes nothing at all, and empty chunks', async () => {
    expect(await connection.copyIn(COPY, () => Promise.resolve())).toBe(0);
    const rows = await connection.copyIn(COPY, async (sink) => {
      await sink.write(Buffer.alloc(0));
      await sink.write(lines(1, 1));
      await sink.write(Buffer.alloc(0));
    });
    expect(rows).toBe(1);
    await expectHealthy(connection);
  });

  it('takes records in pieces of any size, a byte at a time and megabytes', async () => {
    const rows = await connection.copyIn(COPY, async (sink) => {
      for (const byte of lines(1, 20)) await sink.write(Buffer.from([byte]));
      await sink.write(Buffer.concat(Array.from({ length: 50 }, () => BLOCK)));
      await sink.write(Buffer.from('7'));
    });
    expect(rows).toBe(20 + 50 * 9_362 + 1);
  });

  it('sends what nobody waited for before CopyDone', async () => {
    const rows = await connection.copyIn(COPY, (sink) => {
      for (let i = 1; i <= 1_000; i += 1) void sink.write(lines(i, i));
      return Promise.resolve();
    });
    expect(rows).toBe(1_000);
  });

  it('is done with a buffer once its write has resolved, also when the server does not read', async () => {
    await db.sql('create table blobs (text text)');
    const gate = await openGate(db, 'blobs', { column: 'text', at: 'gate' });
    const wanted = createHash('md5');
    // Small ones first, more of them than the kernel's buffers take: those are what gets queued.
    const small = Array.from({ length: 6_000 }, (_, i) => [1, 100, 1_500, 9_000][i % 4] ?? 1);
    const sizes = [...small, 16_384, 65_536, 1_048_576, 7, 65_536];
    const buffer = Buffer.allocUnsafe(1_048_576);
    let lastWrite = performance.now();
    const copying = connection.copyIn('copy blobs from stdin', async (sink) => {
      await sink.write(Buffer.from('gate\n'));
      for (const size of sizes) {
        const chunk = buffer.subarray(0, size);
        chunk.write(
          randomBytes(Math.ceil(size / 2))
            .toString('hex')
            .slice(0, size),
        );
        wanted.update(chunk);
        await sink.write(chunk);
        chunk.fill('!');
        lastWrite = performance.now();
      }
    });
    await gate.reached();
    await waitFor('the writer to be held back', () => performance.now() - lastWrite > 200);
    await gate.release();
    expect(await copying).toBe(2);
    expect(
      await db.sql("select md5(text), length(text) as n from blobs where text <> 'gate'"),
    ).toEqual([{ md5: wanted.digest('hex'), n: sizes.reduce((a, b) => a + b) }]);
  });

  it('leaves no listener behind, however many writes', async () => {
    const warnings: Error[] = [];
    const collect = (warning: Error): void => void warnings.push(warning);
    process.on('warning', collect);
    const { signal } = new AbortController();
    await connection.copyIn(
      COPY,
      async (sink) => {
        for (let i = 0; i < 1_000; i += 1) await sink.write(i % 10 === 0 ? BLOCK : lines(i, i));
      },
      { signal },
    );
    for (let i = 0; i < 20; i += 1) {
      await connection.copyIn(COPY, (sink) => sink.write(lines(1, 1)), { signal });
      const failing = connection.copyIn(COPY, (sink) => sink.write(Buffer.from('x\n')), { signal });
      await expect(failing).rejects.toThrow();
    }
    // Warnings travel by nextTick.
    await connection.query('select 1');
    process.off('warning', collect);
    expect(warnings).toEqual([]);
  });

  it('waits for a statement before it, and refuses those during it', async () => {
    const before = connection.query('select 1 as n');
    const stuck = stuckFeed();
    const copying = connection.copyIn(COPY, stuck.feed);
    await expect(connection.query('select 2')).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(connection.copyIn(COPY, stuck.feed)).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(connection.transaction(() => Promise.resolve())).rejects.toMatchObject({
      code: 'INTERNAL',
    });
    expect(connection.transactionStatus).toBe('active');
    expect(connection.status).toBe('copying-in');
    expect((await before).rows).toEqual([{ n: 1 }]);
    stuck.end();
    expect(await copying).toBe(0);
    await expectHealthy(connection);
  });

  it.each([
    'select 1',
    "insert into orders values (1), (2); copy orders from '/etc/passwd'",
    'copy orders to stdout',
    "copy orders from '/nonexistent'",
    'copy orders from stdin; select 1',
    'copy orders (rid, "from stdin") to stdout',
    '',
  ])('refuses everything else, before it is sent: %s', async (statement) => {
    const copying = connection.copyIn(statement, () => Promise.resolve());
    await expect(copying).rejects.toMatchObject({ code: 'INTERNAL' });
    await expectHealthy(connection);
    expect(await countOf(db, 'orders')).toBe(0);
  });

  it('takes delimiters and names that look like the end of a statement', async () => {
    await db.sql('create table "odd; from" ("a;b" text, c int)');
    const copy = `COPY "odd; from" ("a;b", c)\n FROM STDIN (FORMAT csv, DELIMITER ';', QUOTE E'\\\\');`;
    expect(await connection.copyIn(copy, (sink) => sink.write(Buffer.from('x;1\n')))).toBe(1);
  });

  it('works over and over, in a transaction and with a lot of data', async () => {
    await connection.transaction(async () => {
      expect(await connection.copyIn(COPY, (sink) => sink.write(lines(1, 5)))).toBe(5);
      expect(connection.transactionStatus).toBe('in-transaction');
      const many = await connection.copyIn(COPY, floodFeed);
      expect(many).toBe(512 * 9_362);
    });
    expect(await countOf(db, 'orders')).toBe(5 + 512 * 9_362);
  });
});
