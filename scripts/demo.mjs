/**
 * `npm run demo`: Copyline's first minute. Starts the whole service in a directory of its own and
 * works with it through the real command line: API, queue, worker, COPY, ledger. Checks every step
 * against the database, and leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, styleText } from 'node:util';

import { writeOrders, writeWithFault } from './demo/orders.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const COPYLINE = path.join(ROOT, 'apps/cli/bin/copyline.js');
const AIRPORTS = path.join(ROOT, 'examples/data/airports.csv');
const AIRPORT_ROWS = 3376;
/** Column of the latitude, and a line that is nowhere special. */
const FAULT = { line: 1234, field: 5, value: '42.66O' };
/** After Ctrl-C: a command on the same terminal has heard it, too, and is rolling back. */
const LEAVE_MS = 3000;
/** A service that is not there by then has a fault to tell of. */
const START_MS = 60_000;
/** The schedule of the demo is due every second. */
const OCCURRENCE_MS = 15_000;

const { rows: rowsGiven } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' } },
}).values;
const orderRows = Number(rowsGiven);

const startedAt = performance.now();
let directory;
let database;
/** `copyline up`, with the address of its API. */
let service;
/** The command that runs at the moment. */
let running;
let interrupted = false;
/** What is being done, for the message when it fails. */
let step = 'start';

class DemoFailure extends Error {}

async function demo() {
  directory = await realpath(await mkdtemp(path.join(tmpdir(), 'copyline-demo-')));
  // Root's PostgreSQL runs as another account, which must be able to get through.
  if (process.getuid?.() === 0) await chmod(directory, 0o711);

  say(`Copyline loads files into PostgreSQL: exactly once, or not at all.
This demo works in ${directory} and removes it at the end.`);
  // Opened here only to know where its files are: they have to be gone in the end.
  const { openEmbedded } = await import('@copyline/embedded').catch(() =>
    fail('Copyline is not built yet: run `npm run build` first'),
  );
  database = await openEmbedded({ home: path.join(directory, '.copyline'), onStatus: say });
  await startService();

  await loadAirports();
  await loadOrders();
  await loadAgain();
  await loadFaulty();
  await fireSchedule();
  await showHistory();
}

/** The same as `copyline up` in a terminal of its own: it runs until it is told to stop. */
async function startService() {
  say(`${paint('bold', '$ copyline up')} &`);
  const child = start(['up', '--port', '0', '--json', '--quiet'], ['ignore', 'pipe', 'inherit']);
  service = { child, ended: once(child, 'close') };
  const timeout = setTimeout(() => child.kill('SIGKILL'), START_MS);
  child.stdout.setEncoding('utf8');
  const line = once(child.stdout, 'data').then(([text]) => text);
  const first = await Promise.race([line, service.ended.then(() => undefined)]);
  clearTimeout(timeout);
  if (first === undefined) fail('`copyline up` has ended by itself');
  const { server, tokenFile } = JSON.parse(first);
  service.server = server;
  service.token = (await readFile(tokenFile, 'utf8')).trim();
  say(`An embedded PostgreSQL, a scheduler and a worker are running: nothing to install, nothing to
configure. Files are put into ${paint('bold', 'inbox/')}; the dashboard would be at ${server}.`);
}

async function loadAirports() {
  begin('1', 'A public data set into a table that does not exist yet');
  await copyFile(AIRPORTS, inbox('airports.csv'));
  await submit('airports.csv', 'demo.airports', '--create');
  await expectRows('demo.airports', AIRPORT_ROWS);
  say('The table was made from the data. Now ask it something:');
  await copyline([
    'query',
    'select state, count(*) as airports, round(max(latitude), 2) as northernmost\nfrom demo.airports group by state order by airports desc limit 5',
  ]);
}

async function loadOrders() {
  begin('2', `A larger file: ${count(orderRows)} orders with quotes, dates, numbers and NULLs`);
  const file = inbox('orders.csv');
  await writeOrders(file, orderRows);
  say(`Made orders.csv, ${(await sizeOf(file)).toFixed(0)} MB.`);
  await submit('orders.csv', 'demo.orders', '--create');
  await expectRows('demo.orders', orderRows);
}

async function loadAgain() {
  begin('3', 'The same file again: a job that was repeated, a file that was delivered twice');
  await submit('orders.csv', 'demo.orders');
  await expectRows('demo.orders', orderRows);
  say('Answered from the ledger, without reading the file. And under another name:');
  await copyFile(inbox('orders.csv'), inbox('orders-copy.csv'));
  await submit('orders-copy.csv', 'demo.orders');
  await expectRows('demo.orders', orderRows);
  say('Recognised by its content. Every row is there exactly once.');
}

async function loadFaulty() {
  begin('4', 'A file with one wrong value: the letter O instead of a zero');
  await writeWithFault(inbox('airports.csv'), inbox('airports-typo.csv'), FAULT);
  const command = submission('airports-typo.csv', 'demo.airports');
  await copyline(command, { exitCode: 1 });
  await expectRows('demo.airports', AIRPORT_ROWS);
  say('The place of the fault is named, and nothing of the file is in the table.');
}

async function fireSchedule() {
  begin('5', 'A schedule: every second here, every night at home');
  await copyFile(AIRPORTS, inbox('nightly.csv'));
  const load = { source: 'inbox:nightly.csv', into: 'demo.nightly', create: true };
  await api('PUT', '/schedules/nightly', { cron: '* * * * * *', timeZone: 'Europe/Berlin', load });
  const jobId = await firstOccurrence('nightly');
  await api('POST', '/schedules/nightly/pause');
  const job = await api('GET', `/jobs/${jobId}?waitSeconds=20`);
  if (job.state !== 'done') fail(`the scheduled load is ${job.state}`);
  await expectRows('demo.nightly', AIRPORT_ROWS);
  say(`Due at ${job.schedule.nominalAt}: ${count(job.report.rowsLoaded)} rows loaded. Paused.`);
}

async function firstOccurrence(schedule) {
  const deadline = performance.now() + OCCURRENCE_MS;
  while (performance.now() < deadline) {
    const { occurrences } = await api('GET', `/schedules/${schedule}/occurrences`);
    const submitted = occurrences.findLast(({ outcome }) => outcome === 'submitted');
    if (submitted !== undefined) return submitted.jobId;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return fail('the schedule was not due');
}

async function showHistory() {
  begin('6', 'What happened: the jobs, and the loads as the ledger in the database knows them');
  await copyline(['jobs']);
  await copyline(['history']);
  const { loads } = await copylineJson(['history']);
  const outcomes = loads.map(({ source, state, error }) => {
    const name = path.basename(new URL(source).pathname);
    return `${name} ${error === null ? state : `${error.code} line ${error.line}`}`;
  });
  expectIncludes(outcomes, 'airports.csv done');
  expectIncludes(outcomes, 'orders.csv done');
  expectIncludes(outcomes, `airports-typo.csv VALUE_REFUSED line ${FAULT.line}`);
}

// — working with the service —

const inbox = (file) => path.join(directory, 'inbox', file);

/** A load as it is submitted to the queue; a worker runs it, and the command waits for its end. */
function submission(file, table, ...flags) {
  return ['submit', `inbox:${file}`, '--into', table, ...flags, '--wait'];
}

async function submit(file, table, ...flags) {
  await copyline(submission(file, table, ...flags));
}

/** What has no command yet: the HTTP API, shown as one would call it. */
async function api(method, route, body) {
  if (interrupted) throw new DemoFailure();
  if (method !== 'GET') {
    const data = body === undefined ? '' : ` ${JSON.stringify(body)}`;
    process.stdout.write(`${paint('bold', `${method} /api/v1${route}`)}${data}\n`);
  }
  const response = await fetch(`${service.server}/api/v1${route}`, {
    method,
    headers: { Authorization: `Bearer ${service.token}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) fail(`${method} ${route}: ${answer.detail}`);
  return answer;
}

// — running commands —

/** Shows a command as one would type it, and runs it on this terminal. */
async function copyline(args, { exitCode = 0 } = {}) {
  process.stdout.write(`${paint('bold', `$ copyline ${args.map(shellWord).join(' ')}`)}\n`);
  const ended = await run(args, 'inherit');
  if (ended.exitCode !== exitCode) {
    fail(`\`copyline ${args[0]}\` ended with ${ended.exitCode} instead of ${exitCode}`);
  }
}

/** Runs a command in the background for its JSON. */
async function copylineJson(args) {
  const { exitCode, stdout } = await run([...args, '--json', '--quiet'], 'pipe');
  if (exitCode !== 0) fail(`\`copyline ${args.join(' ')}\` ended with ${exitCode}`);
  return JSON.parse(stdout);
}

function run(args, stdout) {
  if (interrupted) throw new DemoFailure();
  return new Promise((resolve, reject) => {
    const child = start(args, ['ignore', stdout, 'inherit']);
    running = child;
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running = undefined;
      if (interrupted) reject(new DemoFailure());
      else resolve({ exitCode: code ?? signal, stdout: text });
    });
  });
}

function start(args, stdio) {
  // What the environment says about another Copyline is not meant for this one.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('COPYLINE_'));
  const env = { ...Object.fromEntries(own), COPYLINE_HOME: path.join(directory, '.copyline') };
  if (service?.server !== undefined) env.COPYLINE_SERVER = service.server;
  return spawn(process.execPath, [COPYLINE, ...args], { cwd: directory, env, stdio });
}

async function expectRows(table, expected) {
  const { rows } = await copylineJson(['query', `select count(*) as rows from ${table}`]);
  const actual = Number(rows[0].rows);
  if (actual !== expected) {
    fail(`${table} has ${count(actual)} rows instead of ${count(expected)}`);
  }
}

function expectIncludes(outcomes, expected) {
  if (!outcomes.includes(expected)) {
    fail(`the history has no “${expected}”, only: ${outcomes.join('; ')}`);
  }
}

function fail(message) {
  throw new DemoFailure(message);
}

// — what is printed —

function begin(number, title) {
  step = `${number} (${title})`;
  process.stdout.write(`\n${paint('cyan', `── ${number}. ${title}`)}\n\n`);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function paint(style, text) {
  const plain = process.env.NO_COLOR !== undefined || !process.stdout.isTTY;
  return plain ? text : styleText(style, text);
}

function shellWord(word) {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function count(number) {
  return number.toLocaleString('en');
}

async function sizeOf(file) {
  return (await stat(file)).size / 1e6;
}

// — the end —

async function cleanUp() {
  if (service !== undefined) {
    service.child.kill('SIGTERM');
    await service.ended;
  }
  await database?.close();
  if (database !== undefined) {
    // Outside the directory only where root's PostgreSQL could not get into it.
    await rm(path.dirname(database.dataDirectory), { recursive: true, force: true });
  }
  if (directory !== undefined) {
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!interrupted) process.stderr.write('\nStopping …\n');
    interrupted = true;
    const child = running;
    if (signal !== 'SIGINT') child?.kill(signal);
    setTimeout(() => child?.kill('SIGTERM'), LEAVE_MS).unref();
    // It may still be starting.
    service?.child.kill('SIGTERM');
  });
}

let failure;
try {
  await demo();
} catch (error) {
  failure = error;
}
try {
  await cleanUp();
} catch (error) {
  failure ??= error;
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
if (interrupted) {
  process.stderr.write(`Interrupted after ${seconds} s; everything is stopped and removed.\n`);
  process.exitCode = 130;
} else if (failure !== undefined) {
  const text = failure instanceof DemoFailure ? failure.message : (failure.stack ?? failure);
  process.stderr.write(`\n✖ The demo failed in step ${step}: ${text}\n`);
  process.exitCode = 1;
} else {
  say(`
${paint('green', '✔')} Demo complete in ${seconds} s: ${count(2 * AIRPORT_ROWS + orderRows)} rows loaded exactly once, one faulty file refused.
  Everything is stopped and ${directory} is removed. Next, with a dashboard to look at:
  ${paint('bold', 'node_modules/.bin/copyline up')}
  or without any service, your own file:
  ${paint('bold', 'node_modules/.bin/copyline load your.csv --into your_table --create')}`);
}
