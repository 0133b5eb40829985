/** Files that the demo makes for itself. The same arguments give the same bytes everywhere. */
import { open, readFile, writeFile } from 'node:fs/promises';

const FIRST_NAMES = ['Ada', 'Grace', 'José', 'Søren', 'Naomi', 'Chidi', 'Zoë', 'Li'];
const LAST_NAMES = ['Lovelace', 'Hopper', 'O’Hara', 'Müller', 'Watanabe', 'Okafor', 'Ruiz', 'Wang'];
const COUNTRIES = ['GB', 'US', 'ES', 'DK', 'JP', 'NG', 'DE', ''];
const NOTES = ['', '', '', '""', 'gift', '"leave it, please, at the door"', '"size ""XL"""'];

/** Rows written at a time. */
const BATCH_ROWS = 10_000;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2020, 0, 1);

/** A CSV of orders: numbers, dates, quotes, empty strings and NULLs. */
export async function writeOrders(path, rows) {
  const file = await open(path, 'w');
  try {
    await file.writeFile('order_id,customer,country,ordered_on,shipped_at,amount,paid,note\n');
    const below = randomNumbers(1);
    for (let row = 1; row <= rows;) {
      const lines = [];
      for (; lines.length < BATCH_ROWS && row <= rows; row += 1) lines.push(orderLine(row, below));
      await file.writeFile(lines.join(''));
    }
  } finally {
    await file.close();
  }
}

function orderLine(id, below) {
  const pick = (values) => values[below(values.length)];
  const orderedAt = FIRST_DAY + below(2000) * DAY_MS;
  const shippedAt = orderedAt + below(5 * DAY_MS);
  const fields = [
    id,
    `${pick(FIRST_NAMES)} ${pick(LAST_NAMES)}`,
    pick(COUNTRIES),
    new Date(orderedAt).toISOString().slice(0, 10),
    // One order in four is not shipped yet: NULL.
    below(4) === 0 ? '' : new Date(shippedAt).toISOString().slice(0, 19).replace('T', ' '),
    `${below(2000)}.${String(below(100)).padStart(2, '0')}`,
    below(3) > 0,
    pick(NOTES),
  ];
  return `${fields.join(',')}\n`;
}

/** Whole numbers from 0 up to a limit (mulberry32). */
function randomNumbers(seed) {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Copies a CSV without quotes, with one field of one line (from 1) replaced. */
export async function writeWithFault(from, to, { line, field, value }) {
  const lines = (await readFile(from, 'utf8')).split('\n');
  const fields = lines[line - 1].split(',');
  fields[field] = value;
  lines[line - 1] = fields.join(',');
  await writeFile(to, lines.join('\n'));
}
