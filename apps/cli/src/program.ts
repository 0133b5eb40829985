import { ENVIRONMENT } from '@copyline/config';
import { Command, Help, Option } from 'commander';

import { addDoctorCommand } from './commands/doctor.ts';
import { addExtractCommand } from './commands/extract.ts';
import { addHistoryCommands } from './commands/history.ts';
import { addInitCommand } from './commands/init.ts';
import { addJobsCommands } from './commands/jobs.ts';
import { addLoadCommand } from './commands/load.ts';
import { addQueryCommand } from './commands/query.ts';
import { addRejectsCommands } from './commands/rejects.ts';
import { addSchemaCommand } from './commands/schema.ts';
import { addSubmitCommand } from './commands/submit.ts';
import { addUpCommand } from './commands/up.ts';
import { addValidateCommand } from './commands/validate.ts';
import { addVerifyCommand } from './commands/verify.ts';

const EXAMPLES = `
Examples:
  copyline load orders.csv --into sales.orders --create
  copyline load orders.csv --into sales.orders --target postgresql://etl@db/warehouse
  copyline load orders.csv --into sales.orders --on-error continue --rejects bad.csv
  copyline validate orders.csv --into sales.orders
  copyline schema orders.csv
  copyline extract --table sales.orders --to orders.csv
  copyline query 'select count(*) from sales.orders'
  copyline history
  copyline doctor --target warehouse
  copyline up
  copyline submit inbox:orders.csv --into sales.orders --wait

Exit codes:
  0 done   1 failed, nothing loaded   2 usage or configuration
  3 loaded with rejects, or errors found   4 outcome unknown   130 interrupted and rolled back`;

/** The command line as data: `docs/cli.md` is generated from it. */
export function buildProgram(version: string): Command {
  const program = new Command('copyline')
    .description('Loads files into PostgreSQL: exactly once, or not at all.')
    .version(version)
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText('after', `${environmentText()}${EXAMPLES}`);
  addLoadCommand(program);
  addValidateCommand(program);
  addRejectsCommands(program);
  addExtractCommand(program);
  addVerifyCommand(program);
  addSchemaCommand(program);
  addQueryCommand(program);
  addHistoryCommands(program);
  addInitCommand(program);
  addDoctorCommand(program);
  addUpCommand(program);
  addSubmitCommand(program);
  addJobsCommands(program);
  for (const command of program.commands) addCommonOptions(command);
  return program;
}

function addCommonOptions(command: Command): void {
  command
    .optionsGroup('Output:')
    .option('--json', 'print one JSON report as the last thing on stdout')
    .addOption(new Option('--quiet', 'print errors only').conflicts('verbose'))
    .option('--verbose', 'print more, with the causes of errors')
    .option('--config <file>', 'configuration file (default: copyline.yaml)')
    .helpOption('-h, --help', 'show this help');
}

function environmentText(): string {
  const help = new Help();
  const variables = Object.entries(ENVIRONMENT).filter(([, { readBy }]) =>
    readBy.includes('copyline'),
  );
  const width = Math.max(...variables.map(([name]) => name.length));
  const lines = variables.map(([name, { meaning }]) =>
    help.formatItem(name, width, meaning.replaceAll('`', ''), help),
  );
  return `\nEnvironment:\n${lines.join('\n')}\n`;
}
