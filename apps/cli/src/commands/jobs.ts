import { isFinal, JOB_STATES, type Job, type JobList, type JobState } from '@copyline/contracts';
import { Option, type Command } from 'commander';

import { EXIT } from '../exit-code.ts';
import { errorText } from '../output/error-text.ts';
import { jobsText, jobText, shortId } from '../output/job-text.ts';
import { plural } from '../output/numbers.ts';
import { awaitJob } from '../service/await-job.ts';
import { findJob } from '../service/find-job.ts';
import { openService } from '../service/open-service.ts';
import type { ServiceClient } from '../service/service-client.ts';
import { runCommand, type CommandContext, type CommonOptions } from './command.ts';
import { parseCount } from './values.ts';

interface JobsOptions extends CommonOptions {
  readonly state?: JobState;
  readonly limit: number;
}

/** Most jobs on one page of the API. */
const PAGE = 100;
/** A load that is told to stop has rolled back by then, unless its server does not answer. */
const CANCEL_WAIT_SECONDS = 30;

export function addJobsCommands(program: Command): void {
  program
    .command('jobs')
    .description('list the submitted loads and extracts, the newest first, or show one in full')
    .argument('[id]', 'id of a job, or its first characters (four at least)')
    .addOption(new Option('--state <state>', 'only jobs in this state').choices(JOB_STATES))
    .option('--limit <n>', 'most jobs to list', parseCount, 20)
    .action((id: string | undefined, options: JobsOptions) =>
      runCommand(options, (context) =>
        id === undefined ? list(options, context) : show(id, options, context),
      ),
    );
  program
    .command('cancel')
    .description('cancel a submitted load or extract, and say what became of it')
    .argument('<id>', 'id of the job, or its first characters (four at least)')
    .action((id: string, options: CommonOptions) =>
      runCommand(options, (context) => cancel(id, context)),
    );
}

async function list(options: JobsOptions, { terminal, settings }: CommandContext): Promise<number> {
  const service = await openService(settings);
  const { jobs, next } = await readJobs(service, options);
  terminal.result(jobs.length === 0 ? 'There are no such jobs' : jobsText(jobs, new Date()));
  if (next !== null) terminal.note('There are more; --limit shows them');
  terminal.json({ jobs, next });
  return EXIT.done;
}

/** As many as were asked for, page by page. */
async function readJobs(service: ServiceClient, { state, limit }: JobsOptions): Promise<JobList> {
  const jobs: Job[] = [];
  let next: string | null = null;
  do {
    const wanted = Math.min(PAGE, limit - jobs.length);
    if (wanted < 1) break;
    const page: JobList = await service.listJobs({
      state,
      limit: wanted,
      before: next ?? undefined,
    });
    jobs.push(...page.jobs);
    next = page.next;
  } while (next !== null);
  return { jobs, next };
}

async function show(
  id: string,
  options: JobsOptions,
  { terminal, settings }: CommandContext,
): Promise<number> {
  const job = await findJob(await openService(settings), id);
  terminal.result(jobText(job, options.verbose === true));
  terminal.json(job);
  return EXIT.done;
}

async function cancel(id: string, { terminal, settings }: CommandContext): Promise<number> {
  const service = await openService(settings);
  const { id: jobId } = await findJob(service, id);
  const job = await awaitJob(service, await service.cancelJob(jobId), {
    timeoutMs: CANCEL_WAIT_SECONDS * 1000,
  });
  const { text, exitCode } = cancelOutcome(job);
  terminal.result(text);
  if (job.state === 'failed' && job.error !== null) terminal.error(errorText(job.error));
  terminal.json(job);
  return exitCode;
}

/** What became of a job that was told to stop, as it is: a COMMIT that was sent is not taken back. */
export function cancelOutcome(job: Job): { readonly text: string; readonly exitCode: number } {
  const name = `Job ${shortId(job)}`;
  if (job.state === 'cancelled') {
    const nothing = job.type === 'load' ? 'nothing is loaded' : 'nothing is published';
    return { text: `${name} is cancelled; ${nothing}`, exitCode: EXIT.done };
  }
  if (job.state === 'done') {
    return { text: `${name} is done all the same: ${whatIsDone(job)}`, exitCode: EXIT.failed };
  }
  if (isFinal(job.state)) {
    const { text, exitCode } = failedOutcome(job);
    return { text: `${name} had failed by itself${text}`, exitCode };
  }
  return {
    text: `${name} is to be cancelled but has not ended within ${String(CANCEL_WAIT_SECONDS)} s; it is ${job.state}`,
    exitCode: EXIT.inDoubt,
  };
}

/** What is known of the rows of a job that has failed; an extract has no transaction to store any. */
function failedOutcome(job: Job): ReturnType<typeof cancelOutcome> {
  if (job.type === 'extract') return { text: '; nothing is published', exitCode: EXIT.done };
  switch (job.error?.commitState) {
    case 'committed':
      return { text: `, after COMMIT: its rows are in ${job.load.into}`, exitCode: EXIT.failed };
    case 'unknown':
      return { text: '; what became of COMMIT is not known', exitCode: EXIT.inDoubt };
    default:
      return { text: '; nothing is loaded', exitCode: EXIT.done };
  }
}

function whatIsDone(job: Job): string {
  if (job.type === 'load') {
    const rows = plural(job.report?.rowsLoaded ?? 0, 'row');
    return `COMMIT had been sent. ${rows} are in ${job.load.into}`;
  }
  const rows = plural(job.report?.rowsExtracted ?? 0, 'row');
  return `its files were being published. ${rows} are in ${job.extract.to}`;
}
