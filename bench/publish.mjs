/** Takes the newest results into the repository, where `npm run docs` makes tables of them. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { RESULTS } from './conditions.mjs';
import { say } from './print.mjs';

const PUBLISHED = path.join(import.meta.dirname, 'published');

/** @param {readonly string[]} kinds such as `compare`, `dirty` */
export async function publish(kinds) {
  await mkdir(PUBLISHED, { recursive: true });
  const names = (await readdir(RESULTS)).sort();
  for (const kind of kinds) {
    const newest = names.findLast((name) => name.endsWith(`-${kind}.json`));
    if (newest === undefined) throw new Error(`There is no result of “${kind}” in ${RESULTS}`);
    const result = JSON.parse(await readFile(path.join(RESULTS, newest), 'utf8'));
    const { commit } = result.conditions;
    if (commit.endsWith('+')) throw new Error(`${newest} was measured on changes to ${commit}`);
    await writeFile(path.join(PUBLISHED, `${kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
    say(`${newest} published; now \`npm run docs\``);
  }
}
