/**
 * `node examples/driver-pool/pool-under-load.mjs [conninfo]`, after `npm run build`.
 *
 * Sixty tasks on four connections. Some leave a transaction open, some leave settings behind, some
 * lose their connection. The next one gets a connection that is proven idle and clean.
 */
import { Pool } from '@copyline/dws-client';

import { main } from '../driver-support.mjs';

export async function run(target, say) {
  const pool = new Pool({ target, max: 4, acquireTimeoutMs: 30_000 });
  try {
    const task = (i) =>
      pool.withConnection(async (connection) => {
        const { rows } = await connection.query(
          `select current_setting('work_mem') <> '123kB' as clean`,
        );
        if (!rows[0].clean || !connection.isProvenIdle) throw new Error('a dirty connection');
        if (i % 3 === 0) await connection.query('begin');
        if (i % 4 === 0) await connection.query(`set work_mem = '123kB'`);
        if (i % 15 === 0) {
          await connection.query('select pg_terminate_backend(pg_backend_pid())').catch(() => {});
        }
        return i;
      });
    const done = await Promise.all(Array.from({ length: 60 }, (_, i) => task(i)));

    const { connected, rolledBack, destroyed, inUse, total } = pool.metrics;
    say(`${done.length} tasks, ${total <= 4 ? 'at most 4' : total} connections at a time`);
    say(`rolled back ${rolledBack}, destroyed ${destroyed}, opened ${connected}, in use ${inUse}`);
  } finally {
    await pool.close();
  }
}

await main(import.meta.url, run);
