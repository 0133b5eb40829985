/** docs/configuration.md, from the schema of copyline.yaml and the tables of variables. */
import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import { configSchema } from '../../apps/cli/dist/config-file.js';
import { ENVIRONMENT } from '../../apps/cli/dist/config.js';
import { code, generatedFrom, prose, table } from './markdown.mjs';

const CONFIG = 'apps/cli/src/config.ts';
const CONNINFO = 'libs/dws-client/src/conninfo.ts';

export async function configurationPage() {
  return [
    generatedFrom(`${CONFIG} and ${CONNINFO}`),
    '# Configuration',
    'Nothing has to be configured: without a target the embedded database is used. A flag wins over the environment and over the configuration file.',
    '## copyline.yaml',
    `Read from the working directory, or from where \`--config\` or \`COPYLINE_CONFIG\` points. Unknown keys are refused, and all faults are reported at once.`,
    table(['Key', 'Type', 'Meaning'], keyRows()),
    `\`\`\`yaml
connections:
  warehouse: postgresql://etl:\${env:WAREHOUSE_PASSWORD}@db.example.com:5432/warehouse
ledgerSchema: copyline
\`\`\``,
    'Then `--target warehouse` names that database.',
    '## Environment variables',
    table(
      ['Variable', 'Meaning'],
      Object.entries(ENVIRONMENT).map(([name, text]) => [code(name), prose(text)]),
    ),
    '## Conninfo',
    'A database is named as in libpq: `postgresql://user@host:5432/dbname?sslmode=require`, or `host=… dbname=… user=…`. What is left out comes from the environment, the password also from `~/.pgpass`. These keywords are understood:',
    table(['Keyword', 'Variable'], await conninfoRows()),
  ].join('\n\n');
}

function keyRows() {
  const { properties } = z.toJSONSchema(configSchema, { io: 'input' });
  return Object.entries(properties).map(([key, property]) => {
    if (property.description === undefined) throw new Error(`${key} has no description: ${CONFIG}`);
    return [code(key), typeText(property), prose(property.description)];
  });
}

function typeText({ type, additionalProperties }) {
  return type === 'object' ? `map of names to ${additionalProperties.type}s` : type;
}

/** The driver keeps its table to itself; the page reads it where it stands. */
async function conninfoRows() {
  const source = await readFile(new URL(`../../${CONNINFO}`, import.meta.url), 'utf8');
  const [, body] = /\bKEYWORDS\b[^{]*\{([^}]*)\}/.exec(source) ?? [];
  const rows = [...(body ?? '').matchAll(/^\s+(\w+): '(PG\w+)',$/gm)];
  if (rows.length === 0) throw new Error(`No table of keywords in ${CONNINFO}`);
  return rows.map(([, keyword, variable]) => [code(keyword), code(variable)]);
}
