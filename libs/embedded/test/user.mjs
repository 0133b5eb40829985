// A user of the database in a process of its own, to be killed, interrupted and run as somebody
// else. Plain JavaScript over dist, because Node 20 runs no TypeScript.
//
//     node user.mjs '{"home": "…"}'   or   '{"temporary": {…}}'
//
// Prints one JSON line per event; closes and ends at a line or the end of its stdin.
import { once } from 'node:events';

const { home, temporary, dist, forget } = JSON.parse(process.argv[2]);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const { openEmbedded, startTemporary } = await import(dist);

process.on('SIGINT', () => say({ interrupted: true }));
try {
  const onStatus = (status) => say({ status });
  const database = home ? await openEmbedded({ home, onStatus }) : await startTemporary(temporary);
  say({ ready: database });
  if (!forget) {
    process.stdin.resume();
    await Promise.race([once(process.stdin, 'data'), once(process.stdin, 'end')]);
    process.stdin.destroy();
    await database.close();
    say({ closed: true });
  }
} catch (error) {
  say({ failed: { code: error.code, message: error.message, advice: error.advice } });
}
