/**
 * `node bench/encode.mjs [type…]`: how fast the encoders of the binary lane are by themselves, on
 * fields as files have them, all of them accepted. After `npm run build`. Counted in processor time,
 * so that other work on the machine does not matter much. `all, in turn` is one field of each type
 * after the other, as a lane calls them.
 */
import { encodedRoom, encoderFor } from '../libs/copy/dist/encode/index.js';
import { fixed, tableText } from './print.mjs';

const FIELDS = 1 << 16;
const REPETITIONS = 5;
/** Passes over the fields in a measurement: some 50 to 500 ms of work. */
const PASSES = 10;

const SESSION = { serverVersion: 180_000, dateStyle: 'ISO, MDY', timeZone: 'UTC' };
const LABELS = ['new', 'paid', 'shipped', 'returned', 'cancelled'];
const LETTERS = 'abcdefghijklmnopqrstuvwxyz ABCDEF    ';

let state = 42;
/** A number below `limit`, the same in every run. */
function random(limit) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}
const two = (n) => String(n).padStart(2, '0');
const hex = (digits) => Array.from({ length: digits }, () => random(16).toString(16)).join('');
const text = (length) => Array.from({ length }, () => LETTERS[random(LETTERS.length)]).join('');
const date = () => `${1992 + random(30)}-${two(1 + random(12))}-${two(1 + random(28))}`;
const time = () => `${two(random(24))}:${two(random(60))}:${two(random(60))}`;
const digits = (n) => Array.from({ length: n }, () => random(10)).join('');

/** Name, type, and how its fields look. */
const SUBJECTS = [
  ['bool', { name: 'bool' }, () => (random(2) === 0 ? 't' : 'false')],
  ['int2', { name: 'int2' }, () => String(random(60_000) - 30_000)],
  ['int4', { name: 'int4' }, () => String(random(10 ** (1 + random(9))))],
  ['int8', { name: 'int8' }, () => String(random(10 ** (1 + random(12))))],
  ['int8, 18 digits', { name: 'int8' }, () => `${1 + random(8)}${digits(17)}`],
  ['float4', { name: 'float4' }, () => `${random(1000)}.${digits(3)}`],
  ['float8', { name: 'float8' }, () => `${random(100_000)}.${digits(4)}`],
  ['float8, 17 digits', { name: 'float8' }, () => `0.${1 + random(9)}${digits(16)}`],
  ['numeric(15,2)', { name: 'numeric', typmod: numericTypmod(15, 2) }, () => amount()],
  ['numeric', { name: 'numeric' }, () => `${random(1e6)}.${digits(1 + random(8))}`],
  ['text, 10', { name: 'text' }, () => text(1 + random(20))],
  ['text, 44', { name: 'text' }, () => text(8 + random(72))],
  ['text, 500', { name: 'text' }, () => text(500)],
  ['varchar(25)', { name: 'varchar', typmod: 29 }, () => text(5 + random(20))],
  ['enum', { name: 'state', kind: 'enum', enumLabels: LABELS }, () => LABELS[random(5)]],
  ['uuid', { name: 'uuid' }, () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`],
  ['date', { name: 'date' }, date],
  ['time', { name: 'time' }, time],
  ['timestamp', { name: 'timestamp' }, () => `${date()} ${time()}.${digits(6)}`],
  ['timestamptz', { name: 'timestamptz' }, () => `${date()}T${time()}+02:00`],
  ['bytea, 32', { name: 'bytea' }, () => `\\x${hex(64)}`],
  ['json', { name: 'json' }, () => json()],
  ['jsonb', { name: 'jsonb' }, () => json()],
];

function amount() {
  return `${random(100_000)}.${digits(2)}`;
}

function json() {
  return `{"id": ${random(1e6)}, "name": "${text(12)}", "tags": ["a", "b"], "price": ${amount()}}`;
}

function numericTypmod(precision, scale) {
  return ((precision << 16) | scale) + 4;
}

const wanted = process.argv.slice(2);
const subjects = SUBJECTS.filter(([name]) => wanted.length === 0 || wanted.includes(name)).map(
  ([name, type, make]) => {
    const encoder = encoderFor({ kind: 'base', typmod: -1, ...type }, SESSION);
    return { name, encoder, ...fieldsOf(make) };
  },
);

function fieldsOf(make) {
  const fields = Array.from({ length: FIELDS }, make);
  const bytes = Buffer.from(fields.join(','));
  const ends = new Int32Array(FIELDS);
  let end = -1;
  fields.forEach((field, i) => (ends[i] = end += field.length + 1));
  return { bytes, ends };
}

const out = Buffer.alloc(encodedRoom(1 << 20));
/** The buffer begins anew when so much of it is full, as it does between two writes to a server. */
const FULL = 1 << 19;

/** One place from which all encoders are called, as in a lane: the engine cannot inline any of them. */
function encodeAll({ encoder, bytes, ends }) {
  let start = 0;
  let at = 0;
  for (let i = 0; i < ends.length; i += 1) {
    const end = ends[i];
    at = encoder.encode(bytes, start, end, out, at);
    if (at < 0) throw new Error(`not accepted: ${bytes.toString('utf8', start, end)}`);
    if (at > FULL) at = 0;
    start = end + 1;
  }
}

function encodeInTurn(all) {
  const starts = new Int32Array(all.length);
  let at = 0;
  for (let i = 0; i < FIELDS; i += 1) {
    for (let k = 0; k < all.length; k += 1) {
      const { encoder, bytes, ends } = all[k];
      at = encoder.encode(bytes, starts[k], ends[i], out, at);
      if (at > FULL) at = 0;
      starts[k] = ends[i] + 1;
    }
  }
}

function medianMicros(work) {
  const samples = [];
  for (let i = 0; i < REPETITIONS; i += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    samples.push(user + system);
  }
  return samples.sort((a, b) => a - b)[Math.floor(REPETITIONS / 2)];
}

const rows = subjects.map((subject) => {
  const micros = medianMicros(() => {
    for (let pass = 0; pass < PASSES; pass += 1) encodeAll(subject);
  });
  return {
    name: subject.name,
    fields: FIELDS * PASSES,
    bytes: subject.bytes.length * PASSES,
    micros,
  };
});
const micros = medianMicros(() => encodeInTurn(subjects));
const bytes = subjects.reduce((sum, subject) => sum + subject.bytes.length, 0);
rows.push({ name: 'all, in turn', fields: FIELDS * subjects.length, bytes, micros });

process.stdout.write(
  `${tableText(
    [
      { title: 'fields', text: (row) => row.name },
      { title: 'bytes each', right: true, text: (row) => fixed(row.bytes / row.fields, 0) },
      { title: 'M fields/CPU s', right: true, text: (row) => fixed(row.fields / row.micros, 1) },
      { title: 'MB/CPU s', right: true, text: (row) => fixed(row.bytes / row.micros, 0) },
    ],
    rows,
  )}\n`,
);
