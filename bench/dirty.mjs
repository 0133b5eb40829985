/** Loads files with rows to refuse, and with rows that only the server can judge, beside clean ones. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';

import { conditions, conditionsText, keepResult } from './conditions.mjs';
import { createTableSql, dataSet, warm } from './data-sets.mjs';
import { measure, median } from './measure.mjs';
import { COST_COLUMNS, count, fixed, ratioText, say, tableText } from './print.mjs';
import { expectRows, freshTable, startServer } from './server.mjs';
import { copyline, TOOLS } from './tools.mjs';

const TABLE = 'bench_dirty';
const SHAPE = 'mixed';
const ROWS = { full: 2_000_000, quick: 100_000 };
/** One record of so many is not as it should be: 5 %. */
const EVERY = 20;
/** One of so many has a key that is there: 30,000 of the full size. */
const REPEATED = 66;

/** What becomes of each record, given as its fields; none of the fields that are changed is quoted. */
const CHANGES = {
  /** 31 February, a word for a number, a field too few: in turn. */
  refusable: (fields, record) => {
    if (record % EVERY !== 0) return fields;
    const kind = (record / EVERY) % 3;
    if (kind === 0) return fields.with(10, '2023-02-31');
    return kind === 1 ? fields.with(4, 'abc') : fields.slice(0, -1);
  },
  /** Valid, but not as a server would write it: an integer between blanks, a number with an exponent. */
  unusual: (fields, record) => {
    if (record % EVERY !== 0) return fields;
    return (record / EVERY) % 2 === 0 ? fields.with(1, ` ${fields[1]} `) : fields.with(4, '1e3');
  },
  /** A date without hyphens: only the server is asked what it means. */
  asked: (fields, record) =>
    record % EVERY === 0 ? fields.with(10, fields[10].replaceAll('-', '')) : fields,
  /** The key of the record before. */
  repeated: (fields, record) =>
    record % REPEATED === 0 ? fields.with(0, String(record - 1)) : fields,
};

const CONTINUE = ['--on-error', 'continue'];

/** `hasKey`: into a table with a primary key. */
const RUNS = [
  { name: 'psql \\copy', file: 'clean', command: TOOLS[0].command },
  { name: 'copyline', file: 'clean', more: [] },
  { name: 'copyline, continue', file: 'clean', more: CONTINUE },
  { name: 'psql \\copy', file: 'unusual', command: TOOLS[0].command },
  { name: 'copyline', file: 'unusual', more: [] },
  { name: 'copyline, continue', file: 'unusual', more: CONTINUE },
  { name: 'psql \\copy', file: 'asked', command: TOOLS[0].command },
  { name: 'copyline', file: 'asked', more: [] },
  { name: 'copyline, continue', file: 'asked', more: CONTINUE },
  { name: 'copyline, continue', file: 'refusable', more: CONTINUE },
  { name: 'psql \\copy', file: 'clean', hasKey: true, command: TOOLS[0].command },
  { name: 'copyline, continue', file: 'clean', hasKey: true, more: CONTINUE },
  { name: 'copyline, continue', file: 'repeated', hasKey: true, more: CONTINUE },
];

/** @param {{ quick: boolean, rows?: number, repetitions?: number }} options */
export async function measureDirty({ quick, rows, repetitions = quick ? 1 : 3 }) {
  const clean = await dataSet(SHAPE, rows ?? (quick ? ROWS.quick : ROWS.full));
  const files = { clean: clean.file };
  for (const change of Object.keys(CHANGES)) files[change] = await changedFile(clean, change);
  for (const file of Object.values(files)) await warm({ file });
  const server = await startServer();
  try {
    const result = { conditions: conditions(server) };
    say(`${conditionsText(result.conditions)}\n`);
    const measured = RUNS.map(() => []);
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      for (let i = 0; i < RUNS.length; i += 1) {
        // Another one goes first each time: what the machine does meanwhile hits them alike.
        const index = (i + repetition) % RUNS.length;
        const run = await load(server, RUNS[index], files, clean.rows);
        measured[index].push(run);
        const { name, file } = RUNS[index];
        say(`  ${name.padEnd(20)} ${file.padEnd(10)} ${fixed(run.seconds, 2).padStart(7)} s`);
      }
    }
    result.runs = summarize(measured, clean.rows);
    result.table = resultTable(result.runs);
    const kept = await keepResult(quick ? 'quick' : 'dirty', result);
    say(`\n${result.table}\n\nAgain: ${result.conditions.command}\nKept:  ${kept}`);
  } finally {
    await server.close();
  }
}

/** Made when it is not there yet. */
async function changedFile({ file }, change) {
  const changed = file.replace(/csv$/, `${change}.csv`);
  if ((await stat(changed).catch(() => undefined)) !== undefined) return changed;
  await pipeline(
    createInterface({ input: createReadStream(file) }),
    async function* (lines) {
      let record = 0;
      for await (const line of lines) {
        const text = record === 0 ? line : CHANGES[change](line.split(','), record).join(',');
        yield `${text}\n`;
        record += 1;
      }
    },
    createWriteStream(`${changed}.part`),
  );
  await rename(`${changed}.part`, changed);
  return changed;
}

async function load(server, { name, file, hasKey = false, command, more }, files, rows) {
  const key = hasKey ? `; alter table ${TABLE} add primary key (rid)` : '';
  await freshTable(server, TABLE, `${createTableSql(TABLE, SHAPE)}${key}`);
  const input = { file: files[file], table: TABLE, server };
  // A load with rejects says so.
  const started = command?.(input) ?? { ...copyline(input, more), exitCodes: [0, 3] };
  const run = await measure(started, server.postmasterPid);
  const every = { refusable: EVERY, repeated: REPEATED }[file] ?? Infinity;
  const refused = Math.floor(rows / every);
  await expectRows(server, TABLE, rows - refused);
  if (command !== undefined) return { ...run, report: undefined };
  const report = JSON.parse(run.stdout);
  if (report.rowsLoaded !== rows - refused || report.rowsRejected !== refused) {
    throw new Error(`Not the load that was meant to be measured, ${name}: ${run.stdout}`);
  }
  return { ...run, report };
}

function summarize(measured, rows) {
  const secondsOf = (index) => median(measured[index].map(({ seconds }) => seconds));
  const indexOf = (wanted) =>
    RUNS.findIndex((run) => Object.entries(wanted).every(([key, value]) => run[key] === value));
  return RUNS.map(({ name, file, hasKey }, index) => {
    const seconds = secondsOf(index);
    const middle = (key) => median(measured[index].map((run) => run[key]));
    // psql has no continue mode: it can load what is valid.
    const asPsql = indexOf({ name: RUNS[0].name, file: file === 'asked' ? file : 'clean', hasKey });
    const asClean = indexOf({ name: 'copyline, continue', file: 'clean', hasKey });
    const { report } = measured[index][0];
    return {
      ...{ name, file, hasKey: hasKey === true, rows, seconds },
      repetitions: measured[index].length,
      leastSeconds: Math.min(...measured[index].map((run) => run.seconds)),
      rejected: report?.rowsRejected ?? 0,
      toPsql: secondsOf(asPsql) / seconds,
      toClean: secondsOf(asClean) / seconds,
      peakMb: Math.max(...measured[index].map(({ peakMb }) => peakMb)),
      cpuSeconds: middle('cpuSeconds'),
      serverCpuSeconds: middle('serverCpuSeconds'),
    };
  });
}

function resultTable(runs) {
  return tableText(
    [
      { title: 'tool', text: (run) => run.name },
      { title: 'file', text: (run) => run.file },
      { title: 'key', text: (run) => (run.hasKey ? 'yes' : '') },
      { title: 'rejected', right: true, text: (run) => count(run.rejected) },
      { title: 'n', right: true, text: (run) => String(run.repetitions) },
      { title: 's', right: true, text: (run) => fixed(run.seconds, 2) },
      { title: 'least s', right: true, text: (run) => fixed(run.leastSeconds, 2) },
      { title: 'rows/s', right: true, text: (run) => count(run.rows / run.seconds) },
      { title: 'to psql', right: true, text: (run) => ratioText(run.toPsql) },
      { title: 'to clean', right: true, text: (run) => ratioText(run.toClean) },
      ...COST_COLUMNS,
    ],
    runs,
  );
}
