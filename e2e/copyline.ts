import type { LoadReport } from '@copyline/contracts';
import { runProcess, type RunningProcess } from '@copyline/testkit';
import { expect } from 'vitest';

const COMMAND = new URL('../apps/cli/bin/copyline.js', import.meta.url).pathname;

export interface CopylineOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** A `copyline` of its own process, as a user starts it. */
export function copyline(args: readonly string[], options: CopylineOptions = {}): RunningProcess {
  return runProcess(process.execPath, [COMMAND, ...args], options);
}

/** `copyline load … --json` into a target by URL. */
export function startLoad(
  file: string,
  into: string,
  target: string,
  ...flags: string[]
): RunningProcess {
  return copyline(['load', file, '--into', into, '--target', target, '--json', ...flags]);
}

/** The report that a load has printed as the last thing on stdout, and its exit code. */
export async function outcomeOf(
  load: RunningProcess,
): Promise<{ readonly code: number | null; readonly report: LoadReport }> {
  const { code } = await load.exit;
  const line = load.stdout.trim().split('\n').at(-1) ?? '';
  expect(line, `a report on stdout; stderr: ${load.stderr}`).toMatch(/^\{/);
  return { code, report: JSON.parse(line) as LoadReport };
}
