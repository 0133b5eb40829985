/**
 * `node examples/driver-retry/transaction-with-retry.mjs [conninfo]`, after `npm run build`.
 *
 * Two transfers that deadlock. The server ends one of them; the whole transaction runs again, on any
 * connection of the pool. A COMMIT whose answer is lost would not: see docs/driver.md.
 */
import { Pool } from '@copyline/dws-client';

import { main } from '../driver-support.mjs';

export async function run(target, say) {
  const pool = new Pool({ target, max: 2 });
  try {
    await pool.query('create table if not exists accounts (id int primary key, money int)');
    await pool.query('truncate accounts');
    await pool.query('insert into accounts values (1, 100), (2, 100)');

    const observe = ({ error, attempt, delayMs }) => {
      const next = delayMs === undefined ? 'no more' : 'again in a moment';
      say(`attempt ${attempt}: ${error.code} (${error.sqlstate}), ${error.commitState}; ${next}`);
    };
    const transfer = (from, to, amount) =>
      pool.transaction(
        async (connection) => {
          const move = 'update accounts set money = money + $2 where id = $1';
          await connection.query(move, [from, -amount]);
          await connection.query('select pg_sleep(0.2)'); // long enough to get in each other's way
          await connection.query(move, [to, amount]);
        },
        { isolation: 'read committed', retry: { attempts: 5, observe } },
      );

    await Promise.all([transfer(1, 2, 30), transfer(2, 1, 10)]);
    const { rows } = await pool.query('select id, money from accounts order by id');
    say(`money: ${rows.map(({ money }) => money).join(' and ')}`);
    await pool.query('drop table accounts');
  } finally {
    await pool.close();
  }
}

await main(import.meta.url, run);
