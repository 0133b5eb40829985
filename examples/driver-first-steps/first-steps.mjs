/**
 * `node examples/driver-first-steps/first-steps.mjs [conninfo]`, after `npm run build`.
 *
 * The program of GaussDB(DWS)'s page on psycopg2, with this driver: create, insert, select, update,
 * delete. It is the same on PostgreSQL; how the user's password is stored makes no difference either.
 */
import { connect } from '@copyline/dws-client';

import { main } from '../driver-support.mjs';

export async function run(target, say) {
  const connection = await connect({ target });
  try {
    say(`connected to ${connection.server.flavour}`);

    await connection.query('drop table if exists test');
    await connection.query('create table test (id int, name text)');
    say('table created');

    await connection.query('insert into test values ($1, $2), ($3, $4)', [
      ...[1, 'number1'],
      ...[2, 'number2'],
    ]);
    say(`rows: ${await rowsOf(connection)}`);

    await connection.query('update test set name = $1 where id = $2', ['numberupdated', 1]);
    say(`after the update: ${await rowsOf(connection)}`);

    const { rowCount } = await connection.query('delete from test where id = $1', [1]);
    say(`deleted: ${rowCount}, left: ${await rowsOf(connection)}`);
    await connection.query('drop table test');
  } finally {
    await connection.close();
  }
}

async function rowsOf(connection) {
  const { rows } = await connection.query('select id, name from test order by id');
  return rows.map(({ id, name }) => `${id} ${name}`).join(', ');
}

await main(import.meta.url, run);
