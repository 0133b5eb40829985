import {
  isFinal,
  type ExtractJob,
  type ExtractRequestInput,
  type Job,
  type LoadRequestInput,
  type Problem,
} from '@copyline/contracts';
import {
  redisServer,
  runProcess,
  startRedis,
  waitFor,
  writeCsv,
  type PrivateRedis,
  type RunningProcess,
  type TestDatabase,
  type WrittenCsv,
} from '@copyline/testkit';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const BACKENDS = ['postgres', 'redis'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** For scenarios of many processes: in each test run on one queue that is there, in the soak on both. */
export function backends(usual: BackendName): readonly BackendName[] {
  if (process.env['COPYLINE_SOAK'] === '1') return BACKENDS;
  return [redisServer() === undefined ? 'postgres' : usual];
}

/** Short, so that a dead worker is noticed soon; a queue's lock of a second is the least. */
const LOCK_SECONDS = 2;

export interface ServiceOptions {
  readonly backend: BackendName;
  /** Of the private Redis, when the backend is one. */
  readonly redis?: Parameters<typeof startRedis>[0];
  /** Where scheduler and worker find control database and target. Default: the test's database. */
  readonly databaseUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A scheduler and any number of workers, as an operator runs them: processes with a configuration. */
export interface Service {
  readonly home: string;
  /** The folder of the root `inbox`. */
  readonly inbox: string;
  /** The folder of the root `outbox`, which may be written to. */
  readonly outbox: string;
  readonly redis: PrivateRedis | undefined;
  startScheduler(): Promise<Scheduler>;
  startWorker(options?: { readonly env?: Readonly<Record<string, string>> }): Promise<Worker>;
}

export interface Worker extends RunningProcess {
  /** `host/pid`, as the control database calls it. */
  readonly suffix: string;
  readonly url: string;
}

export interface Scheduler extends RunningProcess {
  readonly url: string;
  readonly token: string;
  /** A request under /api/v1 with the token. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** @throws when it is refused, with the problem */
  submit(load: LoadRequestInput, key?: string): Promise<Job>;
  /** The same for an extract. */
  submitExtract(extract: ExtractRequestInput, key?: string): Promise<ExtractJob>;
  job(id: string): Promise<Job>;
  /** Waits for a job to have ended, or to be as told. */
  jobWhen(id: string, description: string, is: (job: Job) => boolean): Promise<Job>;
  jobEnded(id: string): Promise<Job>;
  cancel(id: string): Promise<Job>;
}

export async function createService(
  db: TestDatabase,
  { backend, redis: redisOptions, databaseUrl = db.url(), env = {} }: ServiceOptions,
): Promise<Service> {
  const home = await mkdtemp(join(tmpdir(), 'copyline-service-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const [inbox, outbox] = [join(home, 'inbox'), join(home, 'outbox')];
  await Promise.all([mkdir(inbox), mkdir(outbox)]);
  const redis = backend === 'redis' ? await startRedis(redisOptions) : undefined;
  await writeFile(
    join(home, 'copyline.yaml'),
    [
      'connections:',
      '  target: ${env:TEST_DATABASE}',
      'sources:',
      '  inbox: ./inbox',
      'sinks:',
      '  outbox: ./outbox',
      'control: target',
      `queue: ${redis === undefined ? 'postgres' : '${env:TEST_REDIS}'}`,
    ].join('\n'),
  );
  const environment = {
    TEST_DATABASE: databaseUrl,
    TEST_REDIS: redis?.url,
    COPYLINE_HOME: join(home, '.copyline'),
    COPYLINE_CONFIG: join(home, 'copyline.yaml'),
    COPYLINE_PORT: '0',
    COPYLINE_WORKER_PORT: '0',
    COPYLINE_WORKER_LOCK_SECONDS: String(LOCK_SECONDS),
    COPYLINE_RECONCILE_SECONDS: '1',
    ...env,
  };
  const start = (app: 'scheduler' | 'worker', more: Readonly<Record<string, string>> = {}) =>
    runProcess(
      process.execPath,
      [new URL(`../../apps/${app}/bin/copyline-${app}.js`, import.meta.url).pathname],
      { cwd: home, env: { ...environment, ...more } },
    );
  return {
    home,
    inbox,
    outbox,
    redis,
    startScheduler: async () => {
      const running = start('scheduler');
      const [, url = ''] = await running.waitForOutput(/Listening at (http:[^"\s]+)/, STARTING);
      const token = await readFile(join(home, '.copyline', 'token'), 'utf8');
      return schedulerOf(running, url, token.trim());
    },
    startWorker: async (options = {}) => {
      const running = start('worker', options.env);
      const [, url = ''] = await running.waitForOutput(
        /Health at (http:[^"\s]+)\/readyz/,
        STARTING,
      );
      return withMembers(running, { url, suffix: `/${String(running.pid)}` });
    },
  };
}

/** A service with a scheduler, whose inbox has `rows.csv`, made for the empty table `t`. */
export async function scheduledService(
  db: TestDatabase,
  { rows, ...options }: ServiceOptions & { readonly rows: number },
): Promise<{ service: Service; scheduler: Scheduler; file: WrittenCsv }> {
  const service = await createService(db, options);
  return { service, ...(await startScheduled(db, service, rows)) };
}

/** The same with a worker. */
export async function runningService(
  db: TestDatabase,
  {
    workerEnv = {},
    ...options
  }: Parameters<typeof scheduledService>[1] & {
    readonly workerEnv?: Readonly<Record<string, string>>;
  },
): Promise<{ service: Service; scheduler: Scheduler; worker: Worker; file: WrittenCsv }> {
  const service = await createService(db, options);
  const [{ scheduler, file }, worker] = await Promise.all([
    startScheduled(db, service, options.rows),
    service.startWorker({ env: workerEnv }),
  ]);
  return { service, scheduler, worker, file };
}

async function startScheduled(
  db: TestDatabase,
  service: Service,
  rows: number,
): Promise<{ scheduler: Scheduler; file: WrittenCsv }> {
  const [file, scheduler] = await Promise.all([
    writeCsv(join(service.inbox, 'rows.csv'), { rows, shape: 'mixed' }),
    service.startScheduler(),
  ]);
  await db.sql(file.createTableSql('t'));
  return { scheduler, file };
}

/** Asks all to stop in good order, and waits until they have. */
export async function stopAll(...processes: readonly RunningProcess[]): Promise<void> {
  for (const running of processes) running.kill('SIGTERM');
  await Promise.all(processes.map((running) => running.exit));
}

const STARTING = { timeoutMs: 45_000 };
/** Longer than any job of a test, with a dead worker's lock in between. */
const ENDING = { timeoutMs: 50_000, intervalMs: 50 };

function schedulerOf(running: RunningProcess, url: string, token: string): Scheduler {
  const fetchApi = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}/api/v1${path}`, {
      ...init,
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        ...(init.headers as Record<string, string> | undefined),
      },
    });
  const call = async (path: string, init?: RequestInit): Promise<Job> => {
    const response = await fetchApi(path, init);
    const body: unknown = await response.json();
    if (!response.ok) {
      const { status, code, detail } = body as Problem;
      throw new Error(`${String(status)} ${code}: ${detail}`);
    }
    return body as Job;
  };
  const jobWhen: Scheduler['jobWhen'] = async (id, description, is) => {
    let last: Job | undefined;
    await waitFor(
      `job ${id} ${description}`,
      async () => {
        last = await call(`/jobs/${id}`);
        return is(last);
      },
      ENDING,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${JSON.stringify(last)}`);
    });
    return last as unknown as Job;
  };
  const post = (path: string, work: object, key: string | undefined): Promise<Job> =>
    call(path, {
      method: 'POST',
      body: JSON.stringify({ connection: 'target', ...work }),
      ...(key === undefined ? {} : { headers: { 'Idempotency-Key': key } }),
    });
  return withMembers(running, {
    url,
    token,
    fetch: fetchApi,
    submit: (load: LoadRequestInput, key?: string) => post('/loads', load, key),
    submitExtract: (extract: ExtractRequestInput, key?: string) =>
      post('/extracts', extract, key) as Promise<ExtractJob>,
    job: (id: string) => call(`/jobs/${id}`),
    jobWhen,
    jobEnded: (id: string) => jobWhen(id, 'to end', ({ state }) => isFinal(state)),
    cancel: (id: string) => call(`/jobs/${id}`, { method: 'DELETE' }),
  });
}

/** The process and more: its getters must stay getters. */
function withMembers<Members extends object>(
  running: RunningProcess,
  members: Members,
): RunningProcess & Members {
  return Object.assign(Object.create(running) as RunningProcess, members);
}
