/** The tables of measurements in pages that are written by hand, from bench/published. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { code, table } from './markdown.mjs';

const ROOT = path.join(import.meta.dirname, '../..');
const BENCH = /(<!-- bench: ([a-z-]+)[^>]*-->\n)[^]*?(<!-- bench: end -->)/g;

/** A page with its tables as they are now; the rest of it is left as it is. */
export async function pageWithTables(name) {
  const text = await readFile(path.join(ROOT, name), 'utf8');
  const parts = new Map();
  for (const [, , part] of text.matchAll(BENCH)) parts.set(part, await partText(part));
  return text.replaceAll(BENCH, (_, begin, part, end) => `${begin}\n${parts.get(part)}\n\n${end}`);
}

async function partText(part) {
  if (part === 'readme') return shortTable(await published('compare'));
  const result = await published(part);
  return [conditionsText(result.conditions), result.table, startUpText(result)]
    .filter((text) => text !== '')
    .join('\n\n');
}

async function published(kind) {
  return JSON.parse(await readFile(path.join(ROOT, 'bench/published', `${kind}.json`), 'utf8'));
}

function conditionsText({ cpu, memoryGb, system, node, postgresql, date, command, commit }) {
  const day = new Date(date).toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
  const [version] = postgresql.split(' ');
  return `${code(command)}, commit ${commit}, ${day}: ${cpu}, ${memoryGb} GB, ${system}, Node ${node.slice(1)}, PostgreSQL ${version}.`;
}

function startUpText({ startUp }) {
  if (startUp === undefined) return '';
  const times = Object.entries(startUp).map(([name, seconds]) => `${name} ${seconds.toFixed(2)} s`);
  return `Start-up, measured with a single row: ${times.join(', ')}.`;
}

const SETS = { mixed: 'mixed', narrow: 'numbers', wide: 'text' };

/** What a reader in a hurry wants to know. */
function shortTable({ runs }) {
  const rows = Object.entries(SETS).map(([set, name]) => {
    const of = (tool) => runs.find((run) => run.set === set && run.tool === tool);
    const [psql, copyline] = [of('psql \\copy'), of('copyline')];
    return [
      `${name}, ${(psql.rows / 1e6).toFixed(1)} M rows, ${Math.round(psql.bytes / 1e6)} MB`,
      `${psql.seconds.toFixed(2)} s`,
      `${copyline.seconds.toFixed(2)} s`,
      `${copyline.ratio.toFixed(2)}×`,
      `${copyline.netRatio.toFixed(2)}×`,
      `${of('csv-parse pipeline').seconds.toFixed(2)} s`,
      `${Math.round(copyline.peakMb)} MB`,
    ];
  });
  return table(
    [
      ...['file', 'psql `\\copy`', 'copyline', 'ratio', 'ratio without start-up'],
      ...['csv-parse pipeline', 'peak memory'],
    ],
    rows,
  );
}
