/**
 * Writes the pages of docs/ that repeat what the code says, and the tables of what was measured: after the
 * build, `npm run docs`. With `--check` nothing is written; a page that is not up to date is named and the exit code is 1.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import * as prettier from 'prettier';

import { cliPage } from './docs/cli-page.mjs';
import { configurationPage } from './docs/configuration-page.mjs';
import { errorsPage } from './docs/errors-page.mjs';
import { pageWithTables } from './docs/measured-tables.mjs';
import { openApiPage } from './docs/openapi-page.mjs';

const ROOT = path.join(import.meta.dirname, '..');
const PAGES = {
  'README.md': () => pageWithTables('README.md'),
  'docs/benchmarks.md': () => pageWithTables('docs/benchmarks.md'),
  'docs/cli.md': cliPage,
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
  'docs/openapi.json': openApiPage,
};

const check = process.argv.includes('--check');
for (const [name, page] of Object.entries(PAGES)) {
  const file = path.join(ROOT, name);
  const options = await prettier.resolveConfig(file);
  const text = await prettier.format(await page(), { ...options, filepath: file });
  const existing = await readFile(file, 'utf8').catch(() => undefined);
  if (existing === text) continue;
  if (check) {
    process.stderr.write(`${name} is not up to date: run \`npm run docs\`\n`);
    process.exitCode = 1;
  } else {
    await writeFile(file, text);
    process.stdout.write(`${name} written\n`);
  }
}
