import {
  CopylineError,
  refusedReport,
  reportError,
  type Job,
  type LoadReport,
  type ReportError,
} from '@copyline/contracts';
import { Option, type Command } from 'commander';
import { randomUUID } from 'node:crypto';

import { EXIT, exitCodeOfReport } from '../exit-code.ts';
import { errorText } from '../output/error-text.ts';
import { shortId, waitingText } from '../output/job-text.ts';
import { ProgressLine } from '../output/progress-line.ts';
import { firstRejectsText } from '../output/reject-text.ts';
import { reportText } from '../output/report-text.ts';
import { awaitJob } from '../service/await-job.ts';
import { openService } from '../service/open-service.ts';
import type { ServiceClient } from '../service/service-client.ts';
import { printError, runCommand, type CommandContext, type CommonOptions } from './command.ts';
import { Interruption } from './interruption.ts';
import { addActionFlags, addDialectFlags } from './load-flags.ts';
import { addMappingFlags } from './mapping-flags.ts';
import { submittedLoad, type SubmitFlags } from './submitted-load.ts';

interface SubmitOptions extends CommonOptions, SubmitFlags {
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
}

export function addSubmitCommand(program: Command): void {
  const command = program
    .command('submit')
    .description('hand a load to the scheduler, for a worker to run')
    .argument(
      '<source>',
      'root:path, as inbox:orders.csv; or a .yaml or .json file that describes the load',
    )
    .option('--into <table>', 'target: table, schema.table or "Any Name"."table"')
    .option('--create', 'create the table from the data when it does not exist')
    .option(
      '--idempotency-key <key>',
      'the same key is the same job, however often it is submitted',
    )
    .option('--wait', 'wait for the outcome, and report it as load does')
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
    .addOption(new Option('--format <format>', 'format (default: csv)').choices(['csv']));
  addDialectFlags(command).optionsGroup('Which fields go where:');
  addMappingFlags(command).optionsGroup('What to do:');
  addActionFlags(command).action((source: string, options: SubmitOptions) =>
    runCommand(options, (context) => submit(source, options, context)),
  );
}

async function submit(
  source: string,
  options: SubmitOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal, settings } = context;
  const load = await submittedLoad(source, options);
  const service = await openService(settings);
  const { job, isNew } = await service.submit(load, options.idempotencyKey ?? randomUUID());
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
    // Not waiting is not knowing: the load may well succeed.
    return isInterrupted ? EXIT.interrupted : EXIT.inDoubt;
  }
  progress.clear();
  const report = reportOf(job);
  for (const { message } of report.warnings) terminal.warn(message);
  if (report.error === null) terminal.result(reportText(report, options.verbose === true));
  else {
    terminal.error(errorText(report.error));
    if (report.rejects.length > 0) terminal.error(firstRejectsText(report.rejects));
  }
  terminal.json(report);
  return exitCodeOfReport(report);
}

function showOn(progress: ProgressLine): (job: Job) => void {
  return (job) => {
    if (job.state === 'running' && job.progress !== null) progress.show(job.progress);
    else progress.say(waitingText(job));
  };
}

/**
 * The report of a job that has ended. One that failed or was cancelled between two runs has none of
 * its own, or that of a run before.
 */
export function reportOf(job: Job): LoadReport {
  const { state, report, load } = job;
  const missing = new CopylineError(
    'INTERNAL',
    `The job is ${state}, but the scheduler has no report of it`,
  );
  const base = report ?? refusedReport(missing);
  if (state === 'done') return base;
  return {
    ...base,
    status: base.status === 'loaded' ? 'failed' : base.status,
    source: base.source ?? load.source,
    target: { ...base.target, table: base.target.table ?? load.into },
    error: errorOf(job) ?? base.error,
  };
}

/** What a cancelled job had met before is not why it ended. */
function errorOf({ state, error, load }: Job): ReportError | null {
  if (state !== 'cancelled' || error?.code === 'JOB_CANCELLED') return error;
  const source = load.source;
  return reportError(new CopylineError('JOB_CANCELLED', 'The job was cancelled', { source }));
}
