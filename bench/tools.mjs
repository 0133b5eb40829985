/** Whom Copyline is compared with, and how each is started. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { parquetName } from './data-sets.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
/** Debian's packages are for Debian's Python, which another one may hide. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
const COPYLINE = here('../apps/cli/bin/copyline.js');

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {(input: { file: string, table: string, server: object }) =>
 *   { file: string, args: string[], env: Record<string, string> }} command
 * @property {(stdout: string, rows: number) => void} [verify] besides the server's count
 * @property {boolean} [slow] several times slower than psql: one repetition is enough
 * @property {number} [share] so slow that it gets only this share of the rows
 * @property {() => string | undefined} [missing] why it cannot run here
 */

/** @type {Tool[]} */
export const TOOLS = [
  {
    name: 'psql \\copy',
    missing: () => whyNot('psql', ['--version']),
    command: ({ file, table, server }) => ({
      file: 'psql',
      args: [
        ...['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', server.conninfo],
        ...['-c', `\\copy ${table} from '${file}' with (format csv, header)`],
      ],
      env: server.env,
    }),
  },
  {
    name: 'copyline',
    command: (input) => copyline(input, []),
    verify: (stdout, rows) => expectReport(stdout, rows, 'exactly-once', 'binary'),
  },
  {
    name: 'copyline, byte lane',
    command: (input) => copyline(input, ['--lane', 'byte']),
    verify: (stdout, rows) => expectReport(stdout, rows, 'exactly-once', 'byte'),
  },
  ...['gzip', 'zstd'].map((method) => ({
    name: `copyline, ${method}`,
    missing: () => whyNot(method, ['--version']),
    command: (input) => copyline({ ...input, file: packed(input.file, method) }, []),
    verify: (stdout, rows) => expectReport(stdout, rows, 'exactly-once', 'binary'),
  })),
  {
    name: 'copyline, no ledger',
    command: (input) => copyline(input, ['--ledger', 'none']),
    verify: (stdout, rows) => expectReport(stdout, rows, 'at-least-once', 'binary'),
  },
  {
    name: 'copyline, two at a time',
    command: (input) => {
      const [first, second] = halves(input.file);
      return copyline({ ...input, file: first }, [second, '--parallel', '2']);
    },
    verify: (stdout, rows) => expectReport(stdout, rows, 'exactly-once', 'binary'),
  },
  {
    name: 'pg-copy-streams',
    command: (input) => client('clients/pg-copy-streams.mjs', input),
  },
  {
    name: 'csv-parse pipeline',
    slow: true,
    command: (input) => client('clients/csv-parse.mjs', input),
  },
  {
    name: 'psycopg2',
    missing: () => whyNot(PYTHON, ['-c', 'import psycopg2']),
    command: ({ file, table, server }) => ({
      file: PYTHON,
      args: [here('clients/psycopg2_copy.py'), server.conninfo, table, file],
      env: server.env,
    }),
  },
  {
    name: 'pgloader',
    slow: true,
    share: 0.1,
    missing: () => whyNot('pgloader', ['--version']),
    command: ({ file, table, server }) => ({
      file: 'pgloader',
      args: [
        ...['--quiet', '--on-error-stop', '--type', 'csv'],
        ...['--with', 'csv header', '--with', "fields terminated by ','"],
        ...['--with', "fields optionally enclosed by '\"'"],
        ...['--root-dir', path.join(tmpdir(), 'copyline-bench-pgloader')],
        ...[file, `${server.url}?tablename=${table}`],
      ],
      env: server.env,
    }),
  },
];

/** Of the same rows in another format, for `--parquet`. */
export const PARQUET_TOOL = {
  name: 'copyline parquet',
  command: (input) => copyline({ ...input, file: parquetName(input.file) }, []),
  verify: (stdout, rows) => {
    expectReport(stdout, rows, 'exactly-once', 'binary');
  },
};

export function copyline({ file, table, server }, more) {
  const args = [COPYLINE, 'load', file, '--into', table, '--target', server.conninfo, '--json'];
  return { file: process.execPath, args: [...args, ...more], env: server.env };
}

export function copylineExtract({ file, format, table, server }) {
  const args = [COPYLINE, 'extract', '--table', table, '--to', file, '--format', format];
  return {
    file: process.execPath,
    args: [...args, '--overwrite', '--json', '--target', server.conninfo],
    env: server.env,
  };
}

/** The file as a program packs it by default; made once, before anything is measured. */
function packed(file, method) {
  const suffix = { gzip: '.gz', zstd: '.zst' }[method];
  const target = `${file}${suffix}`;
  if (!existsSync(target)) {
    execFileSync(method, ['-q', '-k', '-f', file]);
  }
  return target;
}

/** The file in two files of as many bytes, each with its header; made once. */
function halves(file) {
  const parts = ['1', '2'].map((part) => file.replace(/csv$/, `${part}.csv`));
  if (parts.every((part) => existsSync(part))) return parts;
  const bytes = readFileSync(file);
  const header = bytes.subarray(0, bytes.indexOf('\n') + 1);
  const middle = recordEnd(bytes, header.length + Math.floor((bytes.length - header.length) / 2));
  write(parts[0], [bytes.subarray(0, middle)]);
  write(parts[1], [header, bytes.subarray(middle)]);
  return parts;
}

/** Where the record at a place ends. In these files quotes come in pairs, those in fields, too. */
function recordEnd(bytes, place) {
  let quotes = 0;
  let quote = bytes.indexOf('"');
  for (; quote !== -1 && quote < place; quote = bytes.indexOf('"', quote + 1)) quotes += 1;
  let end = bytes.indexOf('\n', place);
  while (end !== -1) {
    for (; quote !== -1 && quote < end; quote = bytes.indexOf('"', quote + 1)) quotes += 1;
    if (quotes % 2 === 0) return end + 1;
    end = bytes.indexOf('\n', end + 1);
  }
  return bytes.length;
}

function write(file, pieces) {
  const descriptor = openSync(`${file}.part`, 'w');
  for (const piece of pieces) writeSync(descriptor, piece);
  closeSync(descriptor);
  renameSync(`${file}.part`, file);
}

function client(script, { file, table, server }) {
  return {
    file: process.execPath,
    args: [here(script), server.conninfo, table, file],
    env: server.env,
  };
}

/**
 * A load that was answered from the ledger would be the fastest of all; and of the lane that is
 * measured every row must be.
 */
function expectReport(stdout, rows, guarantee, lane) {
  const report = JSON.parse(stdout);
  const inLane = lane === 'binary' ? report.lane?.rowsBinary : report.lane?.rowsText;
  if (
    report.rowsLoaded !== rows ||
    report.deduplicated ||
    report.guarantee !== guarantee ||
    report.lane?.name !== lane ||
    inLane !== rows
  ) {
    throw new Error(`Not the load that was meant to be measured: ${stdout}`);
  }
}

function whyNot(file, args) {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return undefined;
  } catch {
    return `\`${file} ${args.join(' ')}\` does not work here`;
  }
}
