/** What somebody must know to judge a figure, or to measure it again. */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem, type as osType, release } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

export function conditions(server) {
  return {
    date: new Date().toISOString(),
    command: ['npm run bench', ...dashed(process.argv.slice(2))].join(' '),
    commit: commit(),
    cpu: `${cpus().length} × ${cpus()[0].model.trim()}`,
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${osType()} ${release()}`,
    node: process.version,
    postgresql: server.version,
    settings: server.settings,
    loadAverageBefore: loadavg()[0],
  };
}

export function conditionsText({ settings, ...facts }) {
  const { cpu, memoryGb, system, node, postgresql, commit, date, loadAverageBefore } = facts;
  const list = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return [
    `${cpu}, ${memoryGb} GB, ${system}, Node ${node}, PostgreSQL ${postgresql} (${list.join(', ')})`,
    `commit ${commit}, ${date}, load average ${loadAverageBefore.toFixed(1)} before the start`,
  ].join('\n');
}

/** @returns the file's path */
export async function keepResult(name, result) {
  await mkdir(RESULTS, { recursive: true });
  const stamp = result.conditions.date.replace(/\..*/, '').replaceAll(':', '-');
  const file = path.join(RESULTS, `${stamp}-${name}.json`);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

function dashed(args) {
  return args.length === 0 ? [] : ['--', ...args];
}

function commit() {
  const git = (...args) =>
    execFileSync('git', args, { cwd: import.meta.dirname })
      .toString()
      .trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
