import { anyServer, useTestDatabase, waitFor } from '@copyline/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { type Connection, OID } from '../src/index.ts';
import { backendOf, connected, conninfoOf, countOf, expectHealthy } from './support/connected.ts';

const MANY = `select i, repeat('x', 1000) as text from generate_series(1, 100000) i`;

describe.each(anyServer())('rows that are streamed from $name', (server) => {
  const db = useTestDatabase(server);
  let connection: Connection;
  let pid: number;

  beforeEach(async () => {
    connection = await connected(conninfoOf(db));
    pid = await backendOf(connection);
  });

  const expectSameAndHealthy = async (): Promise<void> => {
    await expectHealthy(connection);
    expect(await backendOf(connection)).toBe(pid);
  };

  it.each([
    ['simple', []],
    ['extended', [1]],
  ])('come all, in order, over the %s protocol, in autocommit', async (_, parameters) => {
    const from = parameters.length === 0 ? '1' : '$1::int';
    let last = 0;
    const rows = connection.stream<{ i: number }>(
      `select i from generate_series(${from}, 50000) i`,
      parameters,
    );
    for await (const row of rows) {
      // Not `expect` for each: it takes longer than the row.
      if (row.i !== last + 1) break;
      last = row.i;
      if (last === 1) expect(connection.status).toBe('streaming');
    }
    expect(last).toBe(50_000);
    await expectSameAndHealthy();
  });

  it('are held back while nobody reads', async () => {
    const rows = connection.stream(MANY);
    await rows.next();
    await waitFor('the server to be held back', async () => {
      const sql = `select from pg_stat_activity where pid = $1 and wait_event = 'ClientWrite'`;
      return (await db.sql(sql, [pid])).length > 0;
    });
    let count = 1;
    for await (const _ of rows) count += 1;
    expect(count).toBe(100_000);
    await expectSameAndHealthy();
  });

  it('may be left at any time, and a transaction around them lives', async () => {
    await db.sql('create table orders (rid int)');
    await connection.transaction(async () => {
      await connection.query('insert into orders values (1)');
      for await (const _ of connection.stream(MANY)) break;
      const reason = new Error('of the consumer');
      const failing = (async () => {
        for await (const _ of connection.stream(MANY, [])) throw reason;
      })();
      await expect(failing).rejects.toBe(reason);
      const controller = new AbortController();
      const aborted = (async () => {
        for await (const _ of connection.stream(MANY, [], { signal: controller.signal })) {
          controller.abort();
        }
      })();
      await expect(aborted).rejects.toMatchObject({ code: 'INTERRUPTED' });
      await connection.query('insert into orders values (2)');
    });
    expect(await countOf(db, 'orders')).toBe(2);
    await expectSameAndHealthy();
  });

  it('come before an error of the server', async () => {
    let count = 0;
    const reading = (async () => {
      const sql = 'select 1 / (5001 - i) from generate_series(1, 10000) i';
      for await (const _ of connection.stream(sql)) count += 1;
    })();
    await expect(reading).rejects.toMatchObject({ sqlstate: '22012' });
    expect(count).toBe(5_000);
    await expectSameAndHealthy();
  });

  it('are read as the call says', async () => {
    const text = (value: string): string => value;
    const options = { readers: { [OID.json]: text, [OID.int8]: Number } };
    const sql = `select '{"n":12345678901234567890}'::json as j, 7::int8 as i`;
    const expected = { j: '{"n":12345678901234567890}', i: 7 };
    for await (const row of connection.stream(sql, [], options)) expect(row).toEqual(expected);
    expect((await connection.query(sql, [], options)).rows).toEqual([expected]);
    expect((await connection.query(sql)).rows[0]).toMatchObject({ i: 7n });
  });
});
