/** Peak memory of a small and a large load, and how fast a repeated load is answered. */
import { constants } from 'node:fs';
import { copyFile, mkdir, statfs, utimes } from 'node:fs/promises';
import path from 'node:path';

import { conditions, conditionsText, keepResult } from './conditions.mjs';
import { createTableSql, DATA, dataSet, removeDataSet } from './data-sets.mjs';
import { measure } from './measure.mjs';
import { count, fixed, say, tableText } from './print.mjs';
import { expectRows, freshTable, startServer } from './server.mjs';
import { TOOLS } from './tools.mjs';

const TABLE = 'bench_memory';
const SIZES_MB = { full: [200, 5000], quick: [50, 500] };
/** Only the sizes of the files depend on it. */
const SAMPLE_ROWS = 8192;
/** The file, its copy, the table, and WAL up to max_wal_size and a little over. */
const DISK_PER_BYTE = 4;

/** @param {{ quick: boolean }} options */
export async function measureMemory({ quick }) {
  const sizes = quick ? SIZES_MB.quick : SIZES_MB.full;
  const [largest] = sizes.slice(-1);
  await expectDisk(largest * 1e6 * DISK_PER_BYTE);
  const sample = await dataSet('mixed', SAMPLE_ROWS);
  const bytesPerRow = sample.bytes / SAMPLE_ROWS;
  await removeDataSet(sample);

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
      const set = await dataSet('mixed', Math.ceil((megabytes * 1e6) / bytesPerRow));
      made.push(set);
      await freshTable(server, TABLE, createTableSql(TABLE, set.shape));
      await keep('load', set, await load(server, set, { deduplicated: false }));
    }
    const set = made[made.length - 1];
    await keep('the same file again', set, await load(server, set, { deduplicated: true }));
    const copy = await copyOf(set);
    made.push(copy);
    await keep('a copy of it', copy, await load(server, copy, { deduplicated: true }));

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
