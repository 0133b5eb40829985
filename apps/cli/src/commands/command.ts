import { readSettings, resolveTarget, type Settings, type Target } from '@copyline/config';
import {
  asCopylineError,
  refusedExtractReport,
  refusedReport,
  refusedValidateReport,
  reportError,
  type CopylineError,
  type ExtractReport,
} from '@copyline/contracts';

import { EXIT, exitCodeOfError } from '../exit-code.ts';
import { errorText, stackText } from '../output/error-text.ts';
import { Terminal } from '../output/terminal.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly config?: string;
}

/** Options of commands that work on a database. */
export interface TargetOptions extends CommonOptions {
  readonly target?: string;
  readonly ledgerSchema?: string;
}

export interface CommandContext {
  readonly terminal: Terminal;
  readonly settings: Settings;
}

export function terminalFor(options: CommonOptions): Terminal {
  return new Terminal({
    json: options.json === true,
    quiet: options.quiet === true,
    verbose: options.verbose === true,
  });
}

/**
 * Runs a command's work and turns whatever it throws into a message, a JSON report and the exit
 * code of the process.
 */
export async function runCommand(
  options: CommonOptions,
  work: (context: CommandContext) => Promise<number>,
): Promise<void> {
  const terminal = terminalFor(options);
  try {
    const settings = await readSettings({ path: options.config, env: process.env });
    process.exitCode = await work({ terminal, settings });
  } catch (error) {
    const known = asCopylineError(error);
    printError(terminal, known);
    terminal.json(failureDocument(known));
    process.exitCode = exitCodeOfError(known.code);
  }
}

/** What `--json` prints for a command that failed; for a load or an extract it is the report of one. */
export function failureDocument(
  error: CopylineError,
  argv: readonly string[] = process.argv,
): object {
  const isSubmitted = argv[2] === 'submit' && argv.includes('--wait');
  if (argv[2] === 'extract' || (isSubmitted && argv.includes('--to'))) {
    return refusedExtractReport(error);
  }
  if (argv[2] === 'validate') return refusedValidateReport(error);
  const isLoad = argv[2] === 'load' || argv[2] === 'replay' || isSubmitted;
  return isLoad ? refusedReport(error) : { status: 'failed', error: reportError(error) };
}

/** @param extract the report of the extract that has failed */
export function printError(
  terminal: Terminal,
  error: CopylineError,
  extract?: ExtractReport,
): void {
  terminal.error(errorText(reportError(error), extract));
  if (terminal.options.verbose) terminal.error(stackText(error));
}

/** Runs work on the target that the options name, and lets go of it afterwards. */
export async function withTarget(
  options: TargetOptions,
  context: CommandContext,
  work: (target: Target, ledgerSchema: string) => Promise<void>,
): Promise<number> {
  await using target = openTarget(options, context);
  await work(target, ledgerSchemaOf(options, context.settings));
  return EXIT.done;
}

/** @param beforeNote clears what stands on the terminal's last line */
export function openTarget(
  options: TargetOptions,
  { terminal, settings }: CommandContext,
  beforeNote: () => void = () => undefined,
): Target {
  const target = resolveTarget(options.target, settings, (sentence) => {
    beforeNote();
    if (terminal.options.verbose || process.stderr.isTTY) terminal.note(sentence);
  });
  for (const warning of target.warnings) terminal.warn(warning);
  return target;
}

export function ledgerSchemaOf(options: TargetOptions, settings: Settings): string {
  return options.ledgerSchema ?? settings.ledgerSchema;
}
