/** docs/configuration.md, from the schema of copyline.yaml and the tables of variables. */
import { readFile } from 'node:fs/promises';

import { configSchema, ENVIRONMENT } from '../../libs/config/dist/index.js';
import { z } from 'zod';

import { code, generatedFrom, prose, table } from './markdown.mjs';

const SCHEMA = 'libs/config/src/file-schema.ts';
const VARIABLES = 'libs/config/src/environment.ts';
const CONNINFO = 'libs/dws-client/src/conninfo/keywords.ts';

const EXAMPLE = `
connections:
  warehouse: postgresql://etl:\${env:WAREHOUSE_PASSWORD}@db.example.com:5432/warehouse
  archive: host=archive.example.com dbname=archive user=etl password=\${file:/run/secrets/archive}
sources:
  inbox: ./inbox
sinks:
  outbox: ./outbox
control: warehouse
queue: redis://cache.example.com:6379
worker:
  concurrency: 4
`.trim();

export async function configurationPage() {
  return [
    generatedFrom(`${SCHEMA}, ${VARIABLES} and ${CONNINFO}`),
    '# Configuration',
    'Nothing has to be configured: without a target the embedded database is used. The same file and the same variables serve the command, the scheduler and the worker; each reads what it needs. A flag wins over the environment, and the environment over the configuration file.',
    '## copyline.yaml',
    `Read from the working directory, or from where \`--config\` or \`COPYLINE_CONFIG\` points. Unknown keys are refused, and all faults are reported at once, together with those of the environment.`,
    table(
      ['Key', 'Type', 'Default', 'Meaning'],
      keyRows(z.toJSONSchema(configSchema, { io: 'input' })),
    ),
    `\`\`\`yaml\n${EXAMPLE}\n\`\`\``,
    'Then `--target warehouse` names that database, and `inbox:orders.csv` and `outbox:orders.csv` files for `copyline submit`. The name `embedded` means the embedded database, unless a connection has that name.',
    'In `connections`, `control` and `queue`, `${env:NAME}` is replaced by a variable of the environment and `${file:/path}` by the content of a file, without the line end behind it: secrets need not stand in the file. In a URL they must be percent-encoded, in the other form of a conninfo quoted where they have blanks.',
    'What the name of a source or a sink means is decided by each worker: links are followed as long as they stay in the root, and the token, the configuration file and the files of the embedded database are neither. A hard link cannot be told from a file: let only those write to a root who may read, and in a sink write, what the worker may.',
    '## Environment variables',
    'An empty variable counts as one that is not set.',
    table(
      ['Variable', 'Read by', 'Meaning'],
      Object.entries(ENVIRONMENT).map(([name, { meaning, readBy }]) => [
        code(name),
        readBy.join(', '),
        prose(meaning),
      ]),
    ),
    '## Conninfo',
    'A database is named as in libpq: `postgresql://user@host:5432/dbname?sslmode=require`, or `host=… dbname=… user=…`. What is left out comes from the service file and the environment, the password also from `~/.pgpass`. These keywords are understood; [the driver](driver.md#connecting) says what they do, and which values are refused:',
    table(['Keyword', 'Variable'], await conninfoRows()),
  ].join('\n\n');
}

/** One row per key; the keys of a section with its name before them. */
function keyRows({ properties }, section = '') {
  return Object.entries(properties).flatMap(([key, property]) => {
    const name = `${section}${key}`;
    if (property.properties !== undefined) return keyRows(property, `${name}.`);
    if (property.description === undefined)
      throw new Error(`${name} has no description: ${SCHEMA}`);
    return [[code(name), typeText(property), defaultText(property), prose(property.description)]];
  });
}

function typeText({ type, additionalProperties, minimum, maximum }) {
  if (type === 'object') return `map of names to ${additionalProperties.type}s`;
  return minimum === undefined ? type : `${type}, ${minimum} to ${maximum}`;
}

function defaultText({ default: value }) {
  return value === undefined || typeof value === 'object' ? '' : code(String(value));
}

/** The driver keeps its table to itself; the page reads it where it stands. */
async function conninfoRows() {
  const source = await readFile(new URL(`../../${CONNINFO}`, import.meta.url), 'utf8');
  const [, body] = /\bKEYWORDS\b[^{]*\{([^}]*)\}/.exec(source) ?? [];
  const rows = [...(body ?? '').matchAll(/^\s+(\w+): (?:'(PG\w+)'|undefined),$/gm)];
  if (rows.length === 0) throw new Error(`No table of keywords in ${CONNINFO}`);
  return rows.map(([, keyword, variable]) => [
    code(keyword),
    variable === undefined ? '' : code(variable),
  ]);
}
