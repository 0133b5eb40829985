import { CopylineError, reportError } from '@copyline/contracts';
import { CommanderError } from 'commander';
import { readFileSync } from 'node:fs';

import { failureDocument, terminalFor } from './commands/command.ts';
import { EXIT } from './exit-code.ts';
import { errorText } from './output/error-text.ts';
import { buildProgram } from './program.ts';

/** Runs the command line of the process and leaves the exit code in `process.exitCode`. */
export async function runCommandLine(): Promise<void> {
  const program = buildProgram(readVersion());
  for (const command of [program, ...program.commands]) {
    // Usage errors are reported here, like all others; help still goes to stdout.
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) reportUsageError(error);
  }
}

function reportUsageError(error: CommanderError): void {
  const terminal = terminalFor({ json: process.argv.includes('--json') });
  const message = error.message.replace(/^error: /, '').split('\n')[0] ?? '';
  const usage =
    error.code === 'commander.help'
      ? new CopylineError('USAGE', 'A command is missing')
      : new CopylineError('USAGE', `${message.charAt(0).toUpperCase()}${message.slice(1)}`);
  terminal.error(errorText(reportError(usage)));
  terminal.json(failureDocument(usage));
  process.exitCode = EXIT.usage;
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
