/**
 * `node examples/extract-interrupted/interrupted-extract.mjs [conninfo]`, after `npm run build`.
 *
 * An extract inside a transaction of the caller: interrupted it leaves no file and no harm, and the
 * transaction goes on; whole it leaves a file and a manifest that verifies. Without a conninfo a
 * private PostgreSQL is started.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { runExtract, verifyExtract } from '@copyline/copy';
import { connect } from '@copyline/dws-client';

import { main } from '../driver-support.mjs';

export async function run(target, say) {
  const folder = await mkdtemp(path.join(tmpdir(), 'copyline-example-'));
  const connection = await connect({ target });
  const extract = (from, name, signal) =>
    runExtract(
      { from, to: { path: path.join(folder, name) } },
      { connection, database: 'example' },
      signal,
    );
  try {
    await connection.query('create temporary table marker (what text)');
    await connection.transaction(async () => {
      await connection.query(`insert into marker values ('before')`);

      const endless = { query: 'select n, pg_sleep(0.001) from generate_series(1, 1000000) n' };
      const { report } = await extract(endless, 'endless.csv', AbortSignal.timeout(100));
      say(`${report.status}: ${report.error.code}, then: ${connection.transactionStatus}`);
      say(`files: ${(await readdir(folder)).length}`);

      // It sees what the transaction has done so far.
      const whole = await extract({ table: 'marker' }, 'marker.csv');
      say(`${whole.report.status}: ${whole.report.rowsExtracted} row`);

      await connection.query(`insert into marker values ('after')`);
    });
    const { rows } = await connection.query(`select string_agg(what, ' and ') as all from marker`);
    say(`committed: ${rows[0].all}`);
    const verified = await verifyExtract(path.join(folder, 'marker.csv.manifest.json'));
    say(`${verified.report.status}: ${verified.report.files} file`);
  } finally {
    await connection.close();
    await rm(folder, { recursive: true });
  }
}

await main(import.meta.url, run);
