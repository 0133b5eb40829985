import { CopylineError, type Job } from '@copyline/contracts';
import { Option, type Command } from 'commander';
import { randomUUID } from 'node:crypto';

import { EXIT, exitCodeOfError, exitCodeOfReport } from '../exit-code.ts';
import { errorText } from '../output/error-text.ts';
import { extractText } from '../output/extract-text.ts';
import { shortId, waitingText } from '../output/job-text.ts';
import { ProgressLine } from '../output/progress-line.ts';
import { firstRejectsText } from '../output/reject-text.ts';
import { reportText } from '../output/report-text.ts';
import type { Terminal } from '../output/terminal.ts';
import { awaitJob } from '../service/await-job.ts';
import { extractReportOf, loadReportOf } from '../service/job-report.ts';
import { openService } from '../service/open-service.ts';
import type { ServiceClient } from '../service/service-client.ts';
import { printError, runCommand, type CommandContext, type CommonOptions } from './command.ts';
import { Interruption } from './interruption.ts';
import {
  addActionFlags,
  addDialectFlags,
  addParquetFlags,
  addReadinessFlags,
} from './load-flags.ts';
import { addMappingFlags } from './mapping-flags.ts';
import { submittedWork, type SubmitFlags } from './submitted-work.ts';

interface SubmitOptions extends CommonOptions, SubmitFlags {
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
}

export function addSubmitCommand(program: Command): void {
  const command = program
    .command('submit')
    .description('hand a load or an extract to the scheduler, for a worker to run')
    .argument(
      '[source]',
      'of a load: root:path, as inbox:orders.csv; or a .yaml or .json file that describes a load or an extract',
    )
    .option('--into <table>', 'of a load: table, schema.table or "Any Name"."table"')
    .option('--create', 'create the table from the data when it does not exist')
    .option('--to <sink>', 'of an extract: root:path, as outbox:orders.csv')
    .option('--table <table>', 'what to extract: a table or view')
    .option('--where <condition>', 'SQL condition for the rows of the table')
    .option('--query <sql>', 'instead of a table: one statement that reads; no place for secrets')
    .option('--overwrite', 'replace files of the same names')
    .option(
      '--idempotency-key <key>',
      'the same key is the same job, however often it is submitted',
    )
    .option('--wait', 'wait for the outcome, and report it as load or extract does')
    .optionsGroup('Where:')
    .option(
      '--connection <name>',
      'a connection that the worker has configured (default: embedded)',
    )
    .addOption(
      new Option(
        '--ledger <where>',
        'ledger of loads; none gives up the exactly-once promise (default: target)',
      ).choices(['target', 'none']),
    )
    .optionsGroup('How the file is written:')
    .addOption(
      new Option(
        '--format <format>',
        'format (default: of a load, by its first bytes; of an extract, csv); jsonl only of a load',
      ).choices(['csv', 'jsonl', 'parquet']),
    )
    .addOption(
      new Option('--compression <method>', 'of the files of an extract').choices([
        'none',
        'gzip',
        'snappy',
        'zstd',
      ]),
    );
  addDialectFlags(addParquetFlags(command)).optionsGroup('Which fields go where:');
  addMappingFlags(
    command,
    "of a load: columns of the file's fields by position; of an extract: columns of the table",
  ).optionsGroup('What to do:');
  addReadinessFlags(addActionFlags(command)).action(
    (source: string | undefined, options: SubmitOptions) =>
      runCommand(options, (context) => submit(source, options, context)),
  );
}

async function submit(
  source: string | undefined,
  options: SubmitOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal, settings } = context;
  const work = await submittedWork(source, options);
  const service = await openService(settings);
  const { job, isNew } = await service.submit(work, options.idempotencyKey ?? randomUUID());
  if (options.wait === true) return waitFor(job, service, options, context);
  terminal.result(
    isNew
      ? `Submitted as job ${job.id}`
      : `Submitted before as job ${job.id}, which is ${job.state} now`,
  );
  terminal.note(`See how it goes: copyline jobs ${shortId(job)}`);
  terminal.json(job);
  return EXIT.done;
}

async function waitFor(
  submitted: Job,
  service: ServiceClient,
  options: SubmitOptions,
  { terminal }: CommandContext,
): Promise<number> {
  const progress = new ProgressLine(options.quiet !== true);
  let job = submitted;
  using interruption = new Interruption(() => {
    progress.clear();
  });
  try {
    job = await awaitJob(service, submitted, {
      signal: interruption.signal,
      onView: process.stderr.isTTY ? showOn(progress) : undefined,
      onSilence: (error) => {
        progress.clear();
        terminal.warn(`${error.message}; trying again, the job goes on meanwhile`);
      },
    });
  } catch (error) {
    progress.clear();
    const goesOn = `Job ${job.id} goes on. Cancel it with: copyline cancel ${shortId(job)}`;
    const isInterrupted = interruption.signal.aborted;
    if (isInterrupted) terminal.note(`No longer waiting. ${goesOn}`);
    else if (error instanceof CopylineError) printError(terminal, error.with({ advice: goesOn }));
    else throw error;
    terminal.json(job);
    // Not waiting is not knowing: the job may well succeed.
    return isInterrupted ? EXIT.interrupted : EXIT.inDoubt;
  }
  progress.clear();
  return printReport(job, options.verbose === true, terminal);
}

function printReport(job: Job, isVerbose: boolean, terminal: Terminal): number {
  const report = job.type === 'load' ? loadReportOf(job) : extractReportOf(job);
  for (const { message } of report.warnings) terminal.warn(message);
  if (report.error !== null) {
    terminal.error(errorText(report.error, 'extractId' in report ? report : undefined));
    if ('rejects' in report && report.rejects.length > 0) {
      terminal.error(firstRejectsText(report.rejects));
    }
  } else {
    terminal.result(
      'extractId' in report ? extractText(report, isVerbose) : reportText(report, isVerbose),
    );
  }
  terminal.json(report);
  if ('loadId' in report) return exitCodeOfReport(report);
  return report.error === null ? EXIT.done : exitCodeOfError(report.error.code);
}

function showOn(progress: ProgressLine): (job: Job) => void {
  return (job) => {
    if (job.state !== 'running' || job.progress === null) progress.say(waitingText(job));
    else if (job.type === 'load') progress.show(job.progress);
    else progress.showExtract(job.progress);
  };
}
