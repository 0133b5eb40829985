/**
 * `copyline` many times in one process, for tests with many commands: the start of a process takes longer
 * than most of them. Reads a command line as JSON from each line of stdin, and answers each with a line of
 * JSON: its exit code, what it has printed, and the most memory that there has been so far.
 */
import { createInterface } from 'node:readline';

import { runCommandLine } from '../apps/cli/dist/run-command-line.js';

const answer = process.stdout.write.bind(process.stdout);

for await (const line of createInterface({ input: process.stdin })) {
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    process[name].write = (text) => {
      printed[name] += text;
      return true;
    };
  }
  process.argv = [...process.argv.slice(0, 2), ...JSON.parse(line)];
  process.exitCode = undefined;
  await runCommandLine();
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  answer(`${JSON.stringify({ code: process.exitCode ?? 0, peakBytes, ...printed })}\n`);
}
process.exitCode = 0;
