/** Runs a client as a process and measures it from outside. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Often enough to see the peak of a load of seconds, too seldom to cost anything. */
const SAMPLE_MS = 20;
/** Linux counts processor time in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/** Without what would silently change a client: PGOPTIONS, PGSSLMODE, NODE_OPTIONS. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(PG|COPYLINE_|NODE_OPTIONS$)/.test(name)),
);

/** Ends the client that runs and every one that would follow. */
export const interruption = new AbortController();

/**
 * @typedef {object} Measurement
 * @property {number} seconds from start to end of the process
 * @property {number | null} peakMb largest resident memory; null where /proc is missing
 * @property {number | null} cpuSeconds user and system time of the process
 * @property {number | null} serverCpuSeconds what PostgreSQL's processes used meanwhile
 * @property {string} stdout
 */

/**
 * @param {{ file: string, args: string[], env?: Record<string, string>, exitCodes?: number[] }} command
 * @param {number} [postmasterPid] to measure the server, too
 * @returns {Promise<Measurement>}
 */
export async function measure(command, postmasterPid) {
  const serverBefore = await serverCpuSeconds(postmasterPid);
  // Node's own CPU is not in it: these are the children that have ended.
  const childrenBefore = endedChildrenCpuSeconds('self');
  const run = await runSampled(command);
  const cpuSeconds = difference(endedChildrenCpuSeconds('self'), childrenBefore);
  const serverAfter = await serverCpuSeconds(postmasterPid);
  return { ...run, cpuSeconds, serverCpuSeconds: difference(serverAfter, serverBefore) };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle)
    ? (sorted[middle - 1] + sorted[middle]) / 2
    : sorted[Math.floor(middle)];
}

function runSampled({ file, args, env, exitCodes = [0] }) {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(file, args, {
      env: { ...ENVIRONMENT, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: interruption.signal,
    });
    let peakKb = null;
    const sample = () => {
      const kb = peakMemoryKb(child.pid);
      if (kb !== null) peakKb = Math.max(peakKb ?? 0, kb);
    };
    const sampler = setInterval(sample, SAMPLE_MS);
    let [stdout, stderr, seconds] = ['', '', 0];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.once('error', (error) => {
      clearInterval(sampler);
      reject(error);
    });
    child.once('exit', () => {
      clearInterval(sampler);
      seconds = (performance.now() - startedAt) / 1000;
    });
    child.once('close', (code, signal) => {
      if (exitCodes.includes(code)) {
        resolve({ seconds, peakMb: peakKb === null ? null : (peakKb * 1024) / 1e6, stdout });
      } else {
        const said = `${stdout}${stderr}`.trim().slice(-2000);
        reject(new Error(`${file} ended with ${code ?? signal}: ${said}`));
      }
    });
  });
}

/** The high-water mark that Linux keeps itself: a sample that comes late has missed nothing. */
function peakMemoryKb(pid) {
  const [, kb] = /^VmHWM:\s+(\d+) kB/m.exec(readProc(`${pid}/status`)) ?? [];
  return kb === undefined ? null : Number(kb);
}

async function serverCpuSeconds(pid) {
  if (pid === undefined) return null;
  // A backend's time is counted when the postmaster has seen it end.
  await new Promise((resolve) => setTimeout(resolve, 100));
  return endedChildrenCpuSeconds(pid);
}

function endedChildrenCpuSeconds(pid) {
  const stat = readProc(`${pid}/stat`);
  if (stat === '') return null;
  // The name, in parentheses, may hold blanks; cutime and cstime are the 14th and 15th after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

function readProc(name) {
  try {
    return readFileSync(`/proc/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function difference(after, before) {
  return after === null || before === null ? null : after - before;
}
