import type { Command } from 'commander';

import type { UpOptions } from '../up/run-services.ts';
import { runCommand } from './command.ts';
import { parseCount } from './values.ts';

export function addUpCommand(program: Command): void {
  program
    .command('up')
    .description('run the scheduler with its dashboard and a worker, until Ctrl-C')
    .option('--port <n>', 'port of the API and the dashboard; 0 takes any free one', parseCount)
    .option('--no-worker', 'only the scheduler; loads wait until a worker comes')
    .action((options: UpOptions) =>
      runCommand(options, async (context) => {
        // Most runs of the command start no services.
        const { runServices } = await import('../up/run-services.ts');
        return runServices(options, context);
      }),
    );
}
