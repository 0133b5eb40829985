/** What the examples of the driver share: a database when none is named, and their start. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { startTemporary } from '@copyline/embedded';

/** Runs an example when it is what node was started with, and not when it is imported. */
export async function main(url, run) {
  const started = process.argv[1];
  if (started === undefined || realpathSync(started) !== fileURLToPath(url)) return;
  const [target] = process.argv.slice(2);
  if (target !== undefined) return run(target, console.log);
  const database = await startTemporary();
  try {
    const { user, password, host, port, database: name } = database;
    await run(`postgresql://${user}:${password}@${host}:${port}/${name}`, console.log);
  } finally {
    await database.close();
  }
}
