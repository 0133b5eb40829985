import type { LoadOutcome } from '@copyline/copy';

import { exitCodeOfReport } from '../exit-code.ts';
import { firstRejectsText } from '../output/reject-text.ts';
import { reportText } from '../output/report-text.ts';
import { printError, type CommandContext, type CommonOptions } from './command.ts';

/** Tells what became of a load. @returns the exit code */
export function tellLoad(
  { report, error }: LoadOutcome,
  options: CommonOptions & { readonly rejects?: string | undefined },
  { terminal }: CommandContext,
): number {
  for (const { message } of report.warnings) terminal.warn(message);
  if (error === undefined) {
    terminal.result(reportText(report, options.verbose === true, options.rejects));
  } else {
    printError(terminal, error);
    if (report.rejects.length > 0) terminal.error(firstRejectsText(report.rejects));
  }
  terminal.json(report);
  return exitCodeOfReport(report);
}
