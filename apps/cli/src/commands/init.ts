import { ledgerScript, openLedger } from '@copyline/copy';
import type { Command } from 'commander';

import { EXIT } from '../exit-code.ts';
import { ledgerSchemaOf, runCommand, withTarget, type TargetOptions } from './command.ts';

interface InitOptions extends TargetOptions {
  readonly printSql?: boolean;
  readonly distributed?: boolean;
}

export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('create the ledger in the target database')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .option('--ledger-schema <name>', 'schema of the ledger')
    .option('--print-sql', 'print the statements for a database administrator; run nothing')
    .option('--distributed', 'with --print-sql: for many nodes, GaussDB(DWS)')
    .action((options: InitOptions) =>
      runCommand(options, async (context) => {
        const { terminal, settings } = context;
        if (options.printSql === true) {
          const sql = ledgerScript(ledgerSchemaOf(options, settings), options.distributed);
          terminal.result(sql.trimEnd());
          terminal.json({ sql });
          return EXIT.done;
        }
        return withTarget(options, context, async (target, schema) => {
          await using connection = await target.connect();
          await openLedger(connection, schema);
          terminal.result(`The ledger is ready in the schema ${schema} of ${target.description}`);
          terminal.json({ status: 'ready', schema, database: target.description });
        });
      }),
    );
}
