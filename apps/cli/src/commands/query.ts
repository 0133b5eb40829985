import type { Command } from 'commander';

import { plural } from '../output/numbers.ts';
import { tableText } from '../output/table.ts';
import { runCommand, withTarget, type TargetOptions } from './command.ts';

export function addQueryCommand(program: Command): void {
  program
    .command('query')
    .description('run SQL and show the result')
    .argument('<sql>', 'one or more statements; the last result is shown')
    .option('--target <name|conninfo>', 'database; without it the embedded one')
    .action((sql: string, options: TargetOptions) =>
      runCommand(options, (context) =>
        withTarget(options, context, async (target) => {
          await using connection = await target.connect();
          const result = await connection.query(sql);
          const { terminal } = context;
          if (result.columns.length > 0) {
            const rows = result.rows.map((row) => result.columns.map((name) => row[name]));
            terminal.result(tableText(result.columns, rows));
            terminal.note(`(${plural(rows.length, 'row')})`);
          } else {
            terminal.result(`${result.command} ${String(result.rowCount)}`.trim());
          }
          terminal.json({
            command: result.command,
            rowCount: result.rowCount,
            columns: result.columns,
            rows: result.rows,
          });
        }),
      ),
    );
}
