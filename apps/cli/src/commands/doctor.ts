import { type Examination, examineServer } from '@copyline/dws-client';
import type { Command } from 'commander';

import { EXIT } from '../exit-code.ts';
import { plural } from '../output/numbers.ts';
import { tableText } from '../output/table.ts';
import { openTarget, runCommand, type TargetOptions } from './command.ts';

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('try on a server what loads and extracts rely on; nothing of it stays')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .addHelpText(
      'after',
      `
Exit code 0: the server does what Copyline's table of capabilities says. 1: it does not, see the rows
that are not ok. What the checks mean: docs/dws.md`,
    )
    .action((options: TargetOptions) =>
      runCommand(options, async (context) => {
        await using target = openTarget(options, context);
        const examination = await examineServer(() => target.connect());
        const { terminal } = context;
        terminal.result(examinationText(examination));
        const { server, findings } = examination;
        const faults = findings.filter(({ status }) => status !== 'ok').length;
        const outcome = faults === 0 ? 'as expected' : `${plural(faults, 'check')} not as expected`;
        terminal.note(`${server.flavour} ${server.version}: ${outcome}`);
        const status = faults === 0 ? 'ok' : 'differs';
        terminal.json({ status, flavour: server.flavour, version: server.version, findings });
        return faults === 0 ? EXIT.done : EXIT.failed;
      }),
    );
}

function examinationText({ findings }: Examination): string {
  return tableText(
    ['check', 'status', 'found'],
    findings.map(({ check, status, found }) => [check, status, found]),
  );
}
