import type { LoadReport } from '@copyline/contracts';
import { runProcess } from '@copyline/testkit';
import { expect } from 'vitest';

const MANY_COMMANDS = new URL('many-commands.js', import.meta.url).pathname;

export interface CommandOutcome {
  readonly code: number;
  readonly report: LoadReport;
  /** The most memory that the process has had so far, in bytes. */
  readonly peakBytes: number;
}

/** Runs command lines of `copyline … --json`, one after another, in one process that starts once. */
export async function runCommands(
  commands: readonly (readonly (string | undefined)[])[],
): Promise<CommandOutcome[]> {
  const input = commands.map((command) => `${JSON.stringify(command)}\n`).join('');
  const process_ = runProcess(process.execPath, [MANY_COMMANDS], { input });
  // As long as they take: a process that ends before its last answer is noticed at once. From the beginning, or
  // each new output would be searched from each of its bytes.
  const answers = new RegExp(`^(?:[^\\n]*\\n){${String(commands.length)}}`);
  await process_.waitForOutput(answers, { timeoutMs: 240_000 });
  expect(await process_.exit, process_.stderr).toMatchObject({ code: 0 });
  return process_.stdout
    .trim()
    .split('\n')
    .map((line) => {
      const { stdout, ...outcome } = JSON.parse(line) as {
        code: number;
        stdout: string;
        peakBytes: number;
      };
      return { ...outcome, report: JSON.parse(stdout) as LoadReport };
    });
}
