/** Writes the same table to a file with every tool, side by side, and compares them with psql's CSV. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';

import { conditions, conditionsText, keepResult } from './conditions.mjs';
import { createTableSql, dataSet, SHAPES } from './data-sets.mjs';
import { measure, median } from './measure.mjs';
import { COST_COLUMNS, count, fixed, ratioText, say, tableText } from './print.mjs';
import { expectRows, freshTable, startServer } from './server.mjs';
import { copylineExtract } from './tools.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const TABLE = 'bench_extract';
const ROWS = { full: 8_000_000, quick: 200_000 };
const START_UP_REPETITIONS = 5;

const TOOLS = [
  {
    name: 'psql \\copy to',
    command: ({ file, server }) => ({
      file: 'psql',
      args: [
        ...['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', server.conninfo],
        ...['-c', `\\copy (select * from ${TABLE}) to '${file}' with (format csv, header)`],
      ],
    }),
  },
  {
    name: 'copyline extract',
    command: (input) => copylineExtract({ ...input, format: 'csv' }),
  },
  {
    name: 'copyline → parquet',
    isParquet: true,
    command: (input) => copylineExtract({ ...input, format: 'parquet' }),
  },
  {
    name: 'pg-copy-streams',
    command: ({ file, server }) => ({
      file: process.execPath,
      args: [here('clients/pg-copy-streams-to.mjs'), server.conninfo, TABLE, file],
    }),
  },
];

/** @param {{ quick: boolean, shapes?: string[], rows?: number, repetitions?: number }} options */
export async function measureExtracts({ quick, shapes = SHAPES, rows, repetitions }) {
  const server = await startServer();
  const folder = await mkdtemp(path.join(tmpdir(), 'copyline-bench-'));
  try {
    const result = { conditions: conditions(server), startUp: {}, runs: [] };
    say(`${conditionsText(result.conditions)}\n`);
    await fill(server, await dataSet('mixed', 1));
    for (const tool of TOOLS) {
      result.startUp[tool.name] = await startUpSeconds(server, folder, tool);
    }
    const bench = { server, folder, startUp: result.startUp };
    for (const shape of shapes) {
      const set = await dataSet(shape, rows ?? (quick ? ROWS.quick : ROWS.full));
      await fill(server, set);
      result.runs.push(...(await measureSet(bench, set, repetitions ?? (quick ? 1 : 3))));
    }
    const table = resultTable(result.runs);
    const kept = await keepResult('extract', { ...result, table });
    const startUpText = Object.entries(result.startUp)
      .map(([name, seconds]) => `${name} ${fixed(seconds, 2)} s`)
      .join(', ');
    say(
      `\n${table}\n\nStart-up, a table of one row: ${startUpText}.\nAgain: ${result.conditions.command}\nKept:  ${kept}`,
    );
  } finally {
    await rm(folder, { recursive: true });
    await server.close();
  }
}

async function fill(server, { shape, file, rows }) {
  await freshTable(server, TABLE, createTableSql(TABLE, shape));
  const copy = `\\copy ${TABLE} from '${file}' with (format csv, header)`;
  execFileSync('psql', ['-X', '-q', '-d', server.conninfo, '-c', copy], {
    env: { ...process.env, ...server.env },
  });
  await expectRows(server, TABLE, rows);
  await server.query(`vacuum freeze ${TABLE}`);
  await server.query('checkpoint');
}

async function startUpSeconds(server, folder, tool) {
  const file = path.join(folder, 'one.csv');
  const seconds = [];
  for (let i = 0; i < START_UP_REPETITIONS; i += 1) {
    const command = tool.command({ file, table: TABLE, server });
    seconds.push((await measure({ ...command, env: server.env })).seconds);
    await rm(file);
  }
  return median(seconds);
}

async function measureSet({ server, folder, startUp }, { shape, rows }, repetitions) {
  const measured = new Map(TOOLS.map((tool) => [tool, []]));
  const fileOf = (tool) => path.join(folder, `${TOOLS.indexOf(tool)}.csv`);
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    // Another one goes first each time: what the machine does meanwhile hits them alike.
    const first = repetition % TOOLS.length;
    for (const tool of [...TOOLS.slice(first), ...TOOLS.slice(0, first)]) {
      await rm(fileOf(tool), { force: true });
      const command = tool.command({ file: fileOf(tool), table: TABLE, server });
      const run = await measure({ ...command, env: server.env }, server.postmasterPid);
      measured.get(tool).push(run);
      say(`  ${shape} ${tool.name.padEnd(20)} ${fixed(run.seconds, 2).padStart(7)} s`);
    }
  }
  const [psql] = TOOLS;
  for (const tool of TOOLS) await expectContent(tool, fileOf(tool), fileOf(psql), rows);
  const { size: bytes } = await stat(fileOf(psql));
  const sizes = new Map();
  for (const tool of TOOLS) sizes.set(tool, (await stat(fileOf(tool))).size);
  const least = (tool) => Math.min(...measured.get(tool).map(({ seconds }) => seconds));
  const net = (tool) => least(tool) - startUp[tool.name];
  return TOOLS.map((tool) => ({
    ...{ set: shape, tool: tool.name, rows, bytes, fileBytes: sizes.get(tool), repetitions },
    seconds: least(tool),
    ratio: least(psql) / least(tool),
    netRatio: net(psql) / net(tool),
    peakMb: Math.max(...measured.get(tool).map(({ peakMb }) => peakMb)),
    cpuSeconds: Math.min(...measured.get(tool).map(({ cpuSeconds }) => cpuSeconds)),
    serverCpuSeconds: Math.min(...measured.get(tool).map((run) => run.serverCpuSeconds)),
  }));
}

/** CSV byte for byte; of Parquet the tests compare the values, here the rows are counted. */
async function expectContent({ name, isParquet = false }, file, reference, rows) {
  if (!isParquet) return void execFileSync('cmp', [reference, file]);
  const { num_rows: found } = await parquetMetadataAsync(await asyncBufferFromFile(file));
  if (Number(found) !== rows) throw new Error(`${name} has ${found} rows instead of ${rows}`);
}

function resultTable(runs) {
  return tableText(
    [
      { title: 'set', text: (run) => run.set },
      { title: 'tool', text: (run) => run.tool },
      { title: 'n', right: true, text: (run) => String(run.repetitions) },
      { title: 'least s', right: true, text: (run) => fixed(run.seconds, 2) },
      { title: 'MB/s', right: true, text: (run) => fixed(run.bytes / 1e6 / run.seconds, 1) },
      { title: 'file MB', right: true, text: (run) => fixed(run.fileBytes / 1e6, 0) },
      { title: 'rows/s', right: true, text: (run) => count(run.rows / run.seconds) },
      { title: 'to psql', right: true, text: (run) => ratioText(run.ratio) },
      { title: 'net', right: true, text: (run) => ratioText(run.netRatio) },
      ...COST_COLUMNS,
    ],
    runs,
  );
}
