/**
 * `node examples/driver-multi-host/multi-host.mjs [conninfo]`, after `npm run build`.
 *
 * One conninfo, three coordinators: the first is gone, the second hangs up, the third is the server. The
 * same text works with psql. GaussDB(DWS): name all coordinators, with port 8000 and database `gaussdb`.
 */
import { createServer } from 'node:net';

import { connect, formatConninfo, parseConninfo } from '@copyline/dws-client';

import { main } from '../driver-support.mjs';

export async function run(target, say) {
  const own = parseConninfo(target);
  const [gone, rude] = [await listen(), await listen()];
  gone.close();
  const names = { [gone.port]: 'gone', [rude.port]: 'rude', [own.port]: 'cn3' };
  const conninfo = (ports) =>
    formatConninfo({
      ...own,
      host: ports.map(() => own.host).join(','),
      port: ports.join(','),
      target_session_attrs: 'read-write',
      sslmode: 'disable',
    });
  try {
    const connection = await connect({
      target: conninfo([gone.port, rude.port, own.port]),
      onStatus: ({ phase, port }) => say(`${names[port]}: ${phase}`),
    });
    const { rows } = await connection.query('select pg_is_in_recovery() as standby');
    say(`connected; a standby: ${rows[0].standby}`);
    await connection.close();

    await connect({ target: conninfo([gone.port, rude.port]) }).catch(({ code, cause }) => {
      say(
        `${code}: ${cause.errors.map(({ message }) => message.replace(/ \S+:\d+$/, '')).join('; ')}`,
      );
    });
  } finally {
    rude.close();
  }
}

/** Takes connections, and ends them without a word. */
function listen() {
  const server = createServer((socket) => socket.on('error', () => {}).end());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({ port: server.address().port, close: () => server.close() }),
    );
  });
}

await main(import.meta.url, run);
