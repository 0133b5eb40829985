/** Loads the same files with every tool, side by side, and compares them with psql. */
import { cachedRows, createTableSql, dataSet, parquetFile, SHAPES, warm } from './data-sets.mjs';
import { conditions, conditionsText, keepResult } from './conditions.mjs';
import { measure, median } from './measure.mjs';
import { COST_COLUMNS, count, fixed, ratioText, say, tableText } from './print.mjs';
import { expectRows, freshTable, startServer } from './server.mjs';
import { PARQUET_TOOL, TOOLS } from './tools.mjs';

const TABLE = 'bench_load';
/** Shorter runs are noise, and the start of a process would count too much. */
const SECONDS = { least: 8, aim: 10.5, most: 14 };
/** A short run finds out how many rows psql loads in a second. */
const CALIBRATION_ROWS = 200_000;
const QUICK_ROWS = 200_000;
const START_UP_REPETITIONS = 5;

/** @param {{ quick: boolean, parquet: boolean, only?: string[], shapes?: string[], rows?: number, repetitions?: number }} options */
export async function compare({ quick, parquet, only, shapes = SHAPES, rows, repetitions }) {
  const wanted = repetitions ?? (quick ? 1 : 5);
  const server = await startServer();
  try {
    // The tools that are compared otherwise do not read Parquet.
    const all = parquet ? [...presentTools().slice(0, 2), PARQUET_TOOL] : presentTools();
    const tools = all.filter((tool) => tool === TOOLS[0] || (only?.includes(tool.name) ?? true));
    const baseline = tools.find((tool) => tool === TOOLS[0]);
    const result = { conditions: conditions(server), startUp: {}, runs: [] };
    const bench = { server, tools, startUp: result.startUp };
    say(`${conditionsText(result.conditions)}\n`);
    await measureStartUp(bench, quick ? 2 : START_UP_REPETITIONS);
    for (const shape of shapes) {
      const size = rows ?? (quick || !baseline ? QUICK_ROWS : await calibrate(bench, shape));
      const set = await dataSet(shape, size);
      const runs = await measureSet(bench, set, wanted);
      result.runs.push(...runs);
      if (!quick && runs[0].leastSeconds < SECONDS.least) {
        say(`  ${runs[0].tool} needed less than ${SECONDS.least} s: not a run to quote`);
      }
    }
    const table = resultTable(result.runs);
    const startUpText = Object.entries(result.startUp)
      .map(([name, seconds]) => `${name} ${fixed(seconds, 2)} s`)
      .join(', ');
    const file = await keepResult(quick ? 'quick' : parquet ? 'parquet' : 'compare', {
      ...result,
      table,
    });
    say(`
${table}

Seconds are the median (and the least) of the repetitions, start of the process included.
Start-up, a file of one row: ${startUpText}.
“net” is the ratio without it. MB are millions of bytes of CSV.${quick ? '\nFiles this small only show that everything works: quote no figure of this run.' : ''}

Again: ${result.conditions.command}
Kept:  ${file}`);
  } finally {
    await server.close();
  }
}

function presentTools() {
  return TOOLS.filter((tool) => {
    const reason = tool.missing?.();
    if (reason !== undefined) say(`skipped ${tool.name}: ${reason}`);
    return reason === undefined;
  });
}

async function measureStartUp(bench, repetitions) {
  const set = await dataSet('mixed', 1);
  if (bench.tools.includes(PARQUET_TOOL)) await parquetFile(set);
  for (const tool of bench.tools) {
    const seconds = [];
    for (let i = 0; i < repetitions; i += 1) seconds.push((await load(bench, tool, set)).seconds);
    bench.startUp[tool.name] = median(seconds);
  }
}

/** @returns how many rows keep psql busy for long enough */
async function calibrate(bench, shape) {
  const sample = await dataSet(shape, CALIBRATION_ROWS);
  await warm(sample);
  const [psql] = bench.tools;
  const { seconds, serverCpuSeconds } = await load(bench, psql, sample);
  // On a busy machine the clock says too much; processor time does not, and is a little less.
  const busy = Math.min(seconds - bench.startUp[psql.name], serverCpuSeconds ?? Infinity);
  const perSecond = CALIBRATION_ROWS / Math.max(busy, 0.01);
  const cached = await cachedRows(shape, {
    from: perSecond * (SECONDS.least + 0.5),
    to: perSecond * SECONDS.most,
  });
  return cached ?? Math.ceil((perSecond * SECONDS.aim) / 100_000) * 100_000;
}

async function measureSet(bench, set, repetitions) {
  say(`${set.shape}: ${count(set.rows)} rows, ${count(set.bytes / 1e6)} MB`);
  await warm(set);
  if (bench.tools.includes(PARQUET_TOOL)) await warm({ file: await parquetFile(set) });
  const measured = new Map(bench.tools.map((tool) => [tool, []]));
  const sets = new Map();
  for (const tool of bench.tools) {
    const rows = Math.ceil(set.rows * (tool.share ?? 1));
    sets.set(tool, rows === set.rows ? set : await dataSet(set.shape, rows));
  }
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    // Another one goes first each time: what the machine does meanwhile hits them alike.
    const first = repetition % bench.tools.length;
    const order = [...bench.tools.slice(first), ...bench.tools.slice(0, first)];
    for (const tool of order) {
      if (tool.slow === true && repetition > 0) continue;
      const run = await load(bench, tool, sets.get(tool));
      measured.get(tool).push(run);
      say(`  ${tool.name.padEnd(20)} ${fixed(run.seconds, 2).padStart(7)} s`);
    }
  }
  return summarize(bench, sets, measured);
}

async function load({ server }, tool, set) {
  await freshTable(server, TABLE, createTableSql(TABLE, set.shape));
  const command = tool.command({ file: set.file, table: TABLE, server });
  const run = await measure(command, server.postmasterPid);
  tool.verify?.(run.stdout, set.rows);
  await expectRows(server, TABLE, set.rows);
  return run;
}

function summarize({ startUp }, sets, measured) {
  const psqlRuns = measured.get(TOOLS[0]);
  const psql = psqlRuns && median(psqlRuns.map(({ seconds }) => seconds));
  return [...measured].map(([tool, runs]) => {
    const set = sets.get(tool);
    const seconds = median(runs.map((run) => run.seconds));
    // Of a tool that has loaded a part of the rows, what all of them would have taken.
    const share = tool.share ?? 1;
    const middle = (key) => (runs[0][key] === null ? null : median(runs.map((run) => run[key])));
    const net = (total, name) => total - startUp[name];
    return {
      set: set.shape,
      rows: set.rows,
      bytes: set.bytes,
      tool: tool.name,
      repetitions: runs.length,
      seconds,
      leastSeconds: Math.min(...runs.map((run) => run.seconds)),
      allSeconds: runs.map((run) => run.seconds),
      ratio: psql === undefined ? null : (psql * share) / seconds,
      netRatio:
        psql === undefined ? null : (net(psql, TOOLS[0].name) * share) / net(seconds, tool.name),
      peakMb: runs[0].peakMb === null ? null : Math.max(...runs.map((run) => run.peakMb)),
      cpuSeconds: middle('cpuSeconds'),
      serverCpuSeconds: middle('serverCpuSeconds'),
    };
  });
}

function resultTable(runs) {
  return tableText(
    [
      { title: 'set', text: (run) => run.set },
      { title: 'tool', text: (run) => run.tool },
      { title: 'rows', right: true, text: (run) => count(run.rows) },
      { title: 'n', right: true, text: (run) => String(run.repetitions) },
      { title: 's', right: true, text: (run) => fixed(run.seconds, 2) },
      { title: 'least s', right: true, text: (run) => fixed(run.leastSeconds, 2) },
      { title: 'MB/s', right: true, text: (run) => fixed(run.bytes / 1e6 / run.seconds, 1) },
      { title: 'rows/s', right: true, text: (run) => count(run.rows / run.seconds) },
      { title: 'to psql', right: true, text: (run) => ratioText(run.ratio) },
      { title: 'net', right: true, text: (run) => ratioText(run.netRatio) },
      ...COST_COLUMNS,
    ],
    runs,
  );
}
