import { verifyExtract } from '@copyline/copy';
import type { Command } from 'commander';

import { EXIT, exitCodeOfError } from '../exit-code.ts';
import { bytesText, plural } from '../output/numbers.ts';
import { colour } from '../output/terminal.ts';
import { printError, runCommand, type CommonOptions } from './command.ts';
import { Interruption } from './interruption.ts';

export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description('compare the files of an extract with its manifest')
    .argument('<manifest>', 'the .manifest.json that the extract has written')
    .action((manifest: string, options: CommonOptions) =>
      runCommand(options, async ({ terminal }) => {
        using interruption = new Interruption(() => undefined);
        const { report, error } = await verifyExtract(manifest, interruption.signal);
        if (error !== undefined) printError(terminal, error);
        else {
          terminal.result(
            `${colour('green', '✔')} ${colour('bold', 'verified')}: ${plural(report.files, 'file')}, ${plural(report.rows, 'row')}, ${bytesText(report.bytes)}`,
          );
        }
        terminal.json(report);
        return error === undefined ? EXIT.done : exitCodeOfError(error.code);
      }),
    );
}
