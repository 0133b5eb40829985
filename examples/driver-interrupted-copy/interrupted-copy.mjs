/**
 * `node examples/driver-interrupted-copy/interrupted-copy.mjs [conninfo]`, after `npm run build`.
 *
 * COPY in both directions, left early in every way. The connection works on, and the transaction
 * around it keeps what it had done. Without a conninfo a private PostgreSQL is started.
 */
import { connect } from '@copyline/dws-client';

import { main } from '../driver-support.mjs';

export async function run(target, say) {
  const connection = await connect({ target });
  try {
    await connection.query('create temporary table marker (what text)');
    await connection.query('create temporary table numbers (n int)');

    await connection.transaction(async () => {
      await connection.query(`insert into marker values ('before')`);

      // Out: enough is enough. The COPY is cancelled and drained, a savepoint keeps the transaction.
      let bytes = 0;
      for await (const piece of connection.copyOut(
        'copy (select n from generate_series(1, 10000000) n) to stdout',
        { rowAligned: true },
      )) {
        bytes += piece.length;
        if (bytes > 100_000) break;
      }
      say(
        `read ${bytes > 100_000 ? 'enough' : 'too little'}, then: ${connection.transactionStatus}`,
      );

      // Out: somebody else ends it.
      const signal = AbortSignal.timeout(100);
      try {
        const sleeping = 'copy (select pg_sleep(60)) to stdout';
        for await (const piece of connection.copyOut(sleeping, { signal })) say(piece.toString());
      } catch (error) {
        say(`aborted: ${error.code}, then: ${connection.transactionStatus}`);
      }

      // In: the source fails. What it had sent is undone by the block; its error is the one thrown.
      async function* source() {
        yield Buffer.from('1\n2\n3\n');
        throw new Error('the source is broken');
      }
      try {
        await connection.transaction(() => connection.copyIn('copy numbers from stdin', source()));
      } catch (error) {
        say(`${error.message}, then: ${connection.transactionStatus}`);
      }

      await connection.query(`insert into marker values ('after')`);
    });

    const { rows } = await connection.query(
      `select (select string_agg(what, ' and ') from marker) as markers,
              (select count(*) from numbers) as numbers`,
    );
    say(`committed: ${rows[0].markers}; rows of the broken source: ${rows[0].numbers}`);
  } finally {
    await connection.close();
  }
}

await main(import.meta.url, run);
