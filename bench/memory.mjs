/** Peak memory of small and large loads and extracts, and how fast a repeated load is answered. */
import { constants } from 'node:fs';
import { copyFile, mkdir, rm, stat, statfs, utimes } from 'node:fs/promises';
import path from 'node:path';

import { conditions, conditionsText, keepResult } from './conditions.mjs';
import { createTableSql, DATA, dataSet, parquetFile, removeDataSet } from './data-sets.mjs';
import { measure } from './measure.mjs';
import { count, fixed, say, tableText } from './print.mjs';
import { expectRows, freshTable, startServer } from './server.mjs';
import { copylineExtract, TOOLS } from './tools.mjs';

const TABLE = 'bench_memory';
const SIZES_MB = { full: [200, 5000], quick: [50, 500] };
/** Only the sizes of the files depend on it. */
const SAMPLE_ROWS = 8192;
/** The file, its copy, the table, an extract, and WAL up to max_wal_size and a little over. */
const DISK_PER_BYTE = 5;
/** What makes a reader hold the most: long texts, large row groups, nothing packed. */
const PARQUET = { shape: 'wide', codec: 'uncompressed', groupRows: 1_000_000 };

/** @param {{ quick: boolean }} options */
export async function measureMemory({ quick }) {
  const sizes = quick ? SIZES_MB.quick : SIZES_MB.full;
  const [largest] = sizes.slice(-1);
  await expectDisk(largest * 1e6 * DISK_PER_BYTE);
  const server = await startServer({ max_wal_size: '4GB' });
  const made = [];
  try {
    const result = { conditions: conditions(server), runs: [] };
    say(`${conditionsText(result.conditions)}\n`);
    const keep = async (what, set, run) => {
      await expectRows(server, TABLE, set.rows);
      result.runs.push({ what, bytes: set.bytes, rows: set.rows, ...run, stdout: undefined });
      say(`  ${what}: ${fixed(run.seconds, 2)} s, ${fixed(run.peakMb, 0)} MB`);
    };
    for (const megabytes of sizes) {
      const set = await dataSetOf('mixed', megabytes);
      made.push(set);
      await freshTable(server, TABLE, createTableSql(TABLE, set.shape));
      await keep('load', set, await load(server, set, { deduplicated: false }));
    }
    const set = made[made.length - 1];
    await keep('the same file again', set, await load(server, set, { deduplicated: true }));
    const copy = await copyOf(set);
    made.push(copy);
    await keep('a copy of it', copy, await load(server, copy, { deduplicated: true }));
    for (const format of ['csv', 'parquet']) {
      const file = path.join(DATA, `extract.${format}`);
      made.push({ file });
      const run = await measure(copylineExtract({ file, format, table: TABLE, server }));
      await keep(`extract to ${format}`, { ...set, bytes: (await stat(file)).size }, run);
      await rm(file);
    }
    for (const megabytes of sizes) {
      const parquet = await largeParquet(megabytes);
      made.push(parquet);
      await freshTable(server, TABLE, createTableSql(TABLE, parquet.shape));
      await keep('load of Parquet', parquet, await load(server, parquet, { deduplicated: false }));
    }

    const table = resultTable(result.runs);
    const kept = await keepResult('memory', { ...result, table });
    say(`\n${table}\n\nAgain: ${result.conditions.command}\nKept:  ${kept}`);
  } finally {
    await server.close();
    for (const set of made) await removeDataSet(set);
  }
}

async function load(server, set, { deduplicated }) {
  const copyline = TOOLS.find(({ name }) => name === 'copyline');
  const command = copyline.command({ file: set.file, table: TABLE, server });
  const run = await measure(command, server.postmasterPid);
  const report = JSON.parse(run.stdout);
  if (report.deduplicated !== deduplicated || report.rowsLoaded !== set.rows) {
    throw new Error(`Not the outcome that was meant to be measured: ${run.stdout}`);
  }
  return run;
}

async function dataSetOf(shape, megabytes) {
  const sample = await dataSet(shape, SAMPLE_ROWS);
  await removeDataSet(sample);
  return dataSet(shape, Math.ceil((megabytes * 1e6 * SAMPLE_ROWS) / sample.bytes));
}

/** Of about as many bytes as the CSV file that it is made of. */
async function largeParquet(megabytes) {
  const csv = await dataSetOf(PARQUET.shape, megabytes);
  try {
    const file = await parquetFile(csv, PARQUET);
    return { ...csv, file, bytes: (await stat(file)).size };
  } finally {
    await removeDataSet(csv);
  }
}

/** The same bytes under another name and with another time: only hashing can recognise it. */
async function copyOf(set) {
  const file = path.join(DATA, 'copy.csv');
  await copyFile(set.file, file, constants.COPYFILE_FICLONE);
  await utimes(file, new Date(), new Date());
  return { ...set, file };
}

async function expectDisk(bytes) {
  await mkdir(DATA, { recursive: true });
  const { bavail, bsize } = await statfs(DATA);
  if (bavail * bsize > bytes) return;
  throw new Error(`${count(bytes / 1e9)} GB of free disk are needed for this`);
}

function resultTable(runs) {
  return tableText(
    [
      { title: 'what', text: (run) => run.what },
      { title: 'MB', right: true, text: (run) => count(run.bytes / 1e6) },
      { title: 'rows', right: true, text: (run) => count(run.rows) },
      { title: 's', right: true, text: (run) => fixed(run.seconds, 2) },
      { title: 'MB/s', right: true, text: (run) => fixed(run.bytes / 1e6 / run.seconds, 0) },
      { title: 'peak MB', right: true, text: (run) => fixed(run.peakMb, 0) },
      { title: 'client CPU s', right: true, text: (run) => fixed(run.cpuSeconds, 2) },
    ],
    runs,
  );
}
