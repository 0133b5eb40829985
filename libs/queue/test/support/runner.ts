import { CopylineError, type ErrorCode, type Job, type LoadJob } from '@copyline/contracts';
import { waitFor, type TestDatabase, type WaitOptions } from '@copyline/testkit';
import { expect, onTestFinished, vi } from 'vitest';

import {
  Reconciler,
  submitWork,
  SubmissionRunner,
  type ExtractRunner,
  type JobWorker,
  type JobWorkerOptions,
  type LedgerLookup,
  type LoadRunner,
  type QueueSetting,
  type SubmissionRunnerOptions,
} from '../../src/index.ts';
import { openQueue, openWorker, type OpenQueue } from './backends.ts';
import { openControl, reportOf, work, type OpenControl } from './control.ts';

/** What stands for the engine: a table of rows, and a ledger of who has committed. */
export class FakeTarget {
  readonly calls: { readonly owner: string; readonly whenBusy: unknown }[] = [];
  readonly #db: Pick<TestDatabase, 'sql'>;
  /** What becomes of the next runs, in order; then each commits. */
  readonly script: LoadRunner[] = [];

  constructor(db: Pick<TestDatabase, 'sql'>) {
    this.#db = db;
  }

  async prepare(): Promise<void> {
    await this.#db.sql('CREATE TABLE loaded (owner uuid UNIQUE, at timestamptz DEFAULT now())');
    await this.#db.sql('CREATE TABLE closed (owner uuid UNIQUE)');
  }

  readonly runLoad: LoadRunner = (request, run) => {
    this.calls.push({ owner: run.owner, whenBusy: run.whenBusy });
    return (this.script.shift() ?? this.commit)(request, run);
  };

  /** Commits, or finds that an earlier run has; for an owner that is closed it can do neither. */
  readonly commit: LoadRunner = async (request, run) => {
    const { owner } = run;
    const stored = await this.#db.sql(
      `INSERT INTO loaded SELECT $1 WHERE NOT EXISTS (SELECT FROM closed WHERE owner = $1)
         ON CONFLICT DO NOTHING RETURNING owner`,
      [owner],
    );
    if (stored.length === 0 && !(await this.owners()).includes(owner)) {
      return failing('LOAD_SUPERSEDED')(request, run);
    }
    return { report: { ...reportOf(1), deduplicated: stored.length === 0 }, error: undefined };
  };

  readonly lookUp: LedgerLookup = async (_, owner, options) => {
    if (options?.close === true) {
      await this.#db.sql('INSERT INTO closed VALUES ($1) ON CONFLICT DO NOTHING', [owner]);
    }
    const found = await this.#db.sql('SELECT FROM loaded WHERE owner = $1', [owner]);
    return found.length === 0 ? undefined : reportOf(1);
  };

  async owners(): Promise<string[]> {
    const rows = await this.#db.sql<{ owner: string }>('SELECT owner FROM loaded ORDER BY owner');
    return rows.map(({ owner }) => owner);
  }
}

export function failing(code: ErrorCode): LoadRunner {
  return () =>
    Promise.resolve({ report: reportOf(0), error: new CopylineError(code, `it is ${code}`) });
}

/** Runs until it is told to stop, and then gives the reason as its error, as the engine does. */
export const untilAborted: LoadRunner = (_, { signal }) =>
  new Promise((resolve) => {
    const end = (): void => {
      resolve({ report: reportOf(0), error: signal.reason as CopylineError });
    };
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  });

const NO_EXTRACTS: ExtractRunner = {
  run: () => Promise.reject(new Error('not in this test')),
  findPublished: () => Promise.reject(new Error('not in this test')),
};

export interface Service extends OpenQueue, OpenControl {
  readonly target: FakeTarget;
  readonly reconciler: Reconciler;
  readonly runner: SubmissionRunner;
  submit(): Promise<LoadJob>;
  work(options?: Partial<JobWorkerOptions>): Promise<JobWorker>;
  /** Waits until the job is as described. */
  until(id: string, expected: Partial<Job>, options?: WaitOptions): Promise<Job>;
  /** Nobody waits for a pause: a job that waits is run now. */
  hurry(id: string): Promise<void>;
}

export async function startService(
  db: TestDatabase,
  setting: QueueSetting,
  options: Partial<SubmissionRunnerOptions> = {},
  control: Pick<TestDatabase, 'url'> = db,
): Promise<Service> {
  // Pauses have full jitter: here they are as long as they can be, so that a test sees them.
  const chance = vi.spyOn(Math, 'random').mockReturnValue(0.99);
  onTestFinished(() => {
    chance.mockRestore();
  });
  const target = new FakeTarget(db);
  await target.prepare();
  const open = { ...(await openQueue(setting)), ...(await openControl(control)) };
  const { backend, queue, submissions } = open;
  const { runLoad, lookUp } = target;
  const runner = new SubmissionRunner({
    ...{
      submissions,
      runLoad,
      lookUp,
      extracts: NO_EXTRACTS,
      worker: 'host:1',
      retry: { attempts: 3 },
      beatMs: 20,
    },
    ...options,
  });
  const until: Service['until'] = async (id, expected, waiting) => {
    let job: Job | undefined;
    const matches = async (): Promise<boolean> => {
      job = await submissions.find(id).catch(() => undefined);
      const wanted = Object.entries(expected);
      return wanted.every(([key, value]) => job?.[key as keyof Job] === value);
    };
    await waitFor(`the job to be ${JSON.stringify(expected)}`, matches, waiting).catch(
      (error: unknown) => {
        expect(job, String(error)).toMatchObject(expected);
      },
    );
    return job as Job;
  };
  return {
    ...open,
    target,
    runner,
    reconciler: new Reconciler({ submissions, queue, lookUp, silenceMs: 0 }),
    submit: async () => (await submitWork(queue, submissions, work())).job as LoadJob,
    work: async (workerOptions) =>
      (
        await openWorker(backend, (delivery) => runner.run(delivery), {
          extract: (delivery) => runner.run(delivery),
          ...workerOptions,
        })
      ).worker,
    until,
    hurry: async (id) => {
      const before = (await submissions.find(id))?.runs;
      await waitFor('the next run', async () => {
        // Its pause may have ended by itself.
        if ((await submissions.find(id))?.runs !== before) return true;
        const job = await queue.bullQueue.getJob(id);
        return (
          (await job?.isDelayed()) === true &&
          job?.promote().then(
            () => true,
            () => false,
          )
        );
      });
    },
  };
}
