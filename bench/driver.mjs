/**
 * `node bench/driver.mjs`: what the driver costs over raw pg-copy-streams, in both directions. After
 * `npm run build`. All ratios are driver / raw: 1.03 is 3 % slower, below 1 the driver is faster.
 *
 * One process, one server, the two taking turns in pairs of short runs, the order swapped each time:
 * what else the machine does hits both. Three ratios, from the one that counts to the one that load
 * disturbs least: the median of the pairs' wall times; the fastest run of each; CPU time of the client
 * alone, summed over all runs. Rows of about 100 bytes, which is where a cost per row shows.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';

import { connect } from '@copyline/dws-client';
import pg from 'pg';
import copyStreams from 'pg-copy-streams';

import { conditions, conditionsText, keepResult } from './conditions.mjs';
import { fixed, tableText } from './print.mjs';
import { startServer } from './server.mjs';

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '21' },
    // A part of a name below: `--only FROM`.
    only: { type: 'string', default: '' },
  },
});
const [MEGABYTES, ROUNDS] = [Number(values.mb), Number(values.rounds)];

const ROW = `${'0123456789'.repeat(4)}\t${'abcdefghij'.repeat(5)}\t12345678\n`;
/** As a file is read. */
const BLOCK = Buffer.from(ROW.repeat(Math.ceil(65_536 / ROW.length)));
const BLOCKS = Math.ceil((MEGABYTES * 1e6) / BLOCK.length);
const BYTES = BLOCKS * BLOCK.length;
const ROWS = BYTES / ROW.length;

const COPY_IN = 'copy bench_driver from stdin';
const COPY_OUT = 'copy bench_driver to stdout';

function* blocks() {
  for (let i = 0; i < BLOCKS; i += 1) yield BLOCK;
}

const server = await startServer();
try {
  const target = `${server.conninfo} password=${server.env.PGPASSWORD}`;
  const driver = await connect({ target });
  const raw = new pg.Client(clientConfig(server));
  await raw.connect();
  await server.query('create unlogged table bench_driver (a text, b text, c int)');

  /** The rows to copy out: a run of `--only TO` has not copied them in. */
  const fill = async () => {
    await server.query('truncate bench_driver');
    await driver.copyIn(COPY_IN, Readable.from(blocks(), { objectMode: true }));
  };

  /** Each returns bytes or rows, to be sure that it has done its work. */
  const runs = {
    'COPY FROM STDIN': {
      before: () => Promise.resolve(),
      prepare: () => server.query('truncate bench_driver'),
      expected: ROWS,
      raw: async () => {
        const stream = raw.query(copyStreams.from(COPY_IN));
        await pipeline(Readable.from(blocks(), { objectMode: true }), stream);
        return stream.rowCount;
      },
      driver: () => driver.copyIn(COPY_IN, Readable.from(blocks(), { objectMode: true })),
    },
    'COPY TO STDOUT': {
      before: fill,
      prepare: () => Promise.resolve(),
      expected: BYTES,
      raw: () => lengthOf(raw.query(copyStreams.to(COPY_OUT))),
      driver: () => lengthOf(driver.copyOut(COPY_OUT)),
    },
    'COPY TO STDOUT, whole rows': {
      before: fill,
      prepare: () => Promise.resolve(),
      expected: BYTES,
      raw: () => lengthOf(raw.query(copyStreams.to(COPY_OUT))),
      driver: () => lengthOf(driver.copyOut(COPY_OUT, { rowAligned: true })),
    },
  };

  const result = { conditions: conditions(server), bytes: BYTES, rows: ROWS, runs: [] };
  process.stdout.write(`${conditionsText(result.conditions)}\n\n`);
  for (const [what, run] of Object.entries(runs).filter(([name]) => name.includes(values.only))) {
    await run.before();
    const ratios = [];
    const seconds = { raw: [], driver: [] };
    const cpu = { raw: [], driver: [] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      // Who goes first alternates; the first round warms up.
      const order = round % 2 === 0 ? ['raw', 'driver'] : ['driver', 'raw'];
      const took = {};
      for (const who of order) {
        await run.prepare();
        const cpuBefore = process.cpuUsage();
        const start = performance.now();
        const done = await run[who]();
        took[who] = (performance.now() - start) / 1000;
        const { user, system } = process.cpuUsage(cpuBefore);
        if (round > 0) cpu[who].push((user + system) / 1e6);
        if (done !== run.expected) throw new Error(`${what}, ${who}: ${done}`);
      }
      if (round === 0) continue;
      ratios.push(took.driver / took.raw);
      for (const who of order) seconds[who].push(took[who]);
    }
    result.runs.push({
      what,
      ratio: median(ratios),
      fastestRatio: Math.min(...seconds.driver) / Math.min(...seconds.raw),
      cpuRatio: sum(cpu.driver) / sum(cpu.raw),
      ratios,
      raw: median(seconds.raw),
      driver: median(seconds.driver),
      rawCpu: sum(cpu.raw) / ROUNDS,
      driverCpu: sum(cpu.driver) / ROUNDS,
    });
  }
  const table = tableText(
    [
      { title: 'what', text: (row) => row.what },
      { title: 'raw s', right: true, text: (row) => fixed(row.raw, 2) },
      { title: 'driver s', right: true, text: (row) => fixed(row.driver, 2) },
      { title: 'raw CPU s', right: true, text: (row) => fixed(row.rawCpu, 3) },
      { title: 'driver CPU s', right: true, text: (row) => fixed(row.driverCpu, 3) },
      { title: 'driver / raw', right: true, text: (row) => fixed(row.ratio, 3) },
      { title: 'of the fastest', right: true, text: (row) => fixed(row.fastestRatio, 3) },
      { title: 'of client CPU', right: true, text: (row) => fixed(row.cpuRatio, 3) },
    ],
    result.runs,
  );
  const kept = await keepResult('driver', { ...result, table });
  process.stdout.write(`${table}\n\nKept:  ${kept}\n`);
  await driver.close();
  await raw.end();
} finally {
  await server.close();
}

async function lengthOf(data) {
  let bytes = 0;
  for await (const piece of data) bytes += piece.length;
  return bytes;
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function clientConfig({ conninfo, env }) {
  const pairs = Object.fromEntries(conninfo.split(' ').map((pair) => pair.split('=')));
  const { host, port, user, dbname: database } = pairs;
  return { host, port: Number(port), user, database, password: env.PGPASSWORD };
}
