/**
 * `node bench/scanner.mjs`: how fast the CSV scanner is by itself, in one process without a server,
 * beside what it stands on and beside csv-parse. After `npm run build`. Counted in processor time, so
 * that other work on the machine does not matter much.
 */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';

import { parse } from 'csv-parse/sync';

import { CsvScanner } from '../libs/copy/dist/csv/scanner.js';
import { createContentDigest } from '../libs/copy/dist/source/content-digest.js';
import { dataSet, SHAPES } from './data-sets.mjs';
import { fixed, tableText } from './print.mjs';

const MEGABYTES = 64;
/** For csv-parse: more would only measure the garbage collector. */
const SAMPLE_ROWS = 8192;
/** As the byte lane reads. */
const WINDOW_BYTES = 256 * 1024;
const REPETITIONS = 5;

const OPTIONS = {
  dialect: { delimiter: 0x2c, quote: 0x22, escape: 0x22 },
  blankLines: 'trailing',
  maxRecordBytes: 64 * 1024 * 1024,
};

/** Each works through the bytes once; the first two show what of the scan is checking and hashing. */
const CONTESTANTS = {
  'isUtf8 only': (bytes) => windows(bytes, (from, to) => isUtf8(bytes.subarray(from, to))),
  'XXH128 only': async (bytes) => {
    const digest = await createContentDigest();
    windows(bytes, (from, to) => digest.update(bytes.subarray(from, to)));
    digest.text();
  },
  scanner: (bytes, set) => scan(bytes, set.rows, () => {}),
  'scanner, every field read': (bytes, set) =>
    scan(bytes, set.rows, (record) => {
      let sum = 0;
      for (let i = 0; i < record.fieldCount; i += 1) {
        sum += record.fieldEnd(i) - record.fieldStart(i);
      }
      return sum;
    }),
};

const results = [];
for (const shape of SHAPES) {
  const set = await wholeSet(shape);
  // One byte more, for the sentinel.
  const bytes = Buffer.concat([await readFile(set.file), Buffer.alloc(1)]);
  for (const [name, run] of Object.entries(CONTESTANTS)) {
    results.push(await time(shape, name, set.bytes, () => run(bytes.subarray(), set)));
  }
  const sample = await dataSet(shape, SAMPLE_ROWS);
  const text = await readFile(sample.file);
  results.push(await time(shape, 'csv-parse (sync)', text.length, () => parse(text)));
}
process.stdout.write(
  `${tableText(
    [
      { title: 'set', text: (row) => row.shape },
      { title: 'what', text: (row) => row.name },
      { title: 'median MB/CPU s', right: true, text: (row) => fixed(row.median, 0) },
      { title: 'best MB/CPU s', right: true, text: (row) => fixed(row.best, 0) },
    ],
    results,
  )}\n`,
);

async function wholeSet(shape) {
  const sample = await dataSet(shape, SAMPLE_ROWS);
  return dataSet(shape, Math.ceil(((MEGABYTES * 1e6) / sample.bytes) * SAMPLE_ROWS));
}

async function time(shape, name, bytes, run) {
  const speeds = [];
  for (let i = 0; i < REPETITIONS; i += 1) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    // Bytes in a microsecond are megabytes in a second.
    speeds.push(bytes / (user + system));
  }
  speeds.sort((a, b) => a - b);
  return { shape, name, median: speeds[Math.floor(REPETITIONS / 2)], best: speeds.at(-1) };
}

function windows(bytes, work) {
  const end = bytes.length - 1;
  for (let from = 0; from < end; from += WINDOW_BYTES) {
    work(from, Math.min(from + WINDOW_BYTES, end));
  }
}

function scan(bytes, rows, onRecord) {
  const scanner = new CsvScanner(OPTIONS, { onRecord });
  const end = bytes.length - 1;
  for (let from = 0; from < end;) {
    const to = Math.min(from + WINDOW_BYTES, end);
    from += scanner.scan(bytes, from, to, to === end);
  }
  // The header is a record, too.
  if (scanner.record !== rows + 1) throw new Error(`${scanner.record} records instead of ${rows}`);
}
