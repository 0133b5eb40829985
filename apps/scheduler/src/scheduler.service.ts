import { connectionNames, controlTarget, TargetPools, type Target } from '@copyline/config';
import { fileOf, type ServiceStatus } from '@copyline/contracts';
import {
  Access,
  createLedgerLookup,
  enqueueSubmission,
  openService,
  Reconciler,
  Schedules,
  Workers,
  withoutRepeats,
  type JobQueue,
  type Service,
  type Submissions,
} from '@copyline/queue';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';

import { JobFeed } from './background/job-feed.ts';
import { Repeat } from './background/repeat.ts';
import type { SchedulerConfig } from './config.ts';
import { prepareAccess } from './token-file.ts';

/** A schedule may have seconds; a late second is of no use to anybody who has chosen one. */
const SCHEDULE_PAUSE_MS = 500;

/** Everything that the scheduler holds open, and what it does without being asked. */
export class SchedulerService implements OnApplicationShutdown {
  readonly config: SchedulerConfig;
  readonly access: Access;
  readonly schedules: Schedules;
  readonly feed: JobFeed;
  readonly #log = new Logger('Scheduler');
  readonly #control: Target;
  readonly #service: Service;
  readonly #pools: TargetPools;
  readonly #workers: Workers;
  readonly #background: readonly Repeat[];
  #closing: Promise<void> | undefined;

  private constructor(
    config: SchedulerConfig,
    control: Target,
    service: Service,
    pools: TargetPools,
  ) {
    this.config = config;
    this.#control = control;
    this.#service = service;
    this.#pools = pools;
    this.#workers = new Workers(service.control);
    this.access = new Access(service.control);
    this.schedules = new Schedules(service.control, service.submissions);
    this.feed = new JobFeed(service.submissions, this.#log);
    const reconciler = new Reconciler({
      submissions: service.submissions,
      queue: service.queue,
      lookUp: createLedgerLookup((name) => pools.connect(name), config.settings.ledgerSchema),
      silenceMs: config.reconcileMs,
    });
    this.#background = [
      new Repeat('Schedules', SCHEDULE_PAUSE_MS, this.#log, () => this.#fire()),
      new Repeat('Reconciler', config.reconcileMs, this.#log, () => this.#reconcile(reconciler)),
    ];
  }

  /** @throws CopylineError when control database or queue cannot be used */
  static async start(config: SchedulerConfig): Promise<SchedulerService> {
    const { settings } = config;
    const log = new Logger('Scheduler');
    const onStatus = (sentence: string): void => {
      log.log(sentence);
    };
    const control = controlTarget(settings, onStatus);
    for (const warning of control.warnings) log.warn(warning);
    const service = await openService({
      control: await control.parameters(),
      redis: settings.queue.backend === 'redis' ? settings.queue.url : undefined,
      applicationName: 'copyline scheduler',
      onError: withoutRepeats((message) => {
        log.warn(`Queue: ${message}`);
      }),
    });
    await prepareAccess(new Access(service.control), settings, log);
    const pools = new TargetPools(settings, { max: 2, applicationName: 'copyline scheduler' });
    return new SchedulerService(config, control, service, pools);
  }

  get submissions(): Submissions {
    return this.#service.submissions;
  }

  get queue(): JobQueue {
    return this.#service.queue;
  }

  async status(): Promise<ServiceStatus> {
    const { settings, version } = this.config;
    const isReachable = await this.queue.countWaiting().then(
      () => true,
      () => false,
    );
    return {
      version,
      queue: { backend: this.queue.kind, at: this.queue.at, isReachable },
      workers: await this.#workers.list(),
      connections: connectionNames(settings),
      sources: Object.keys(settings.sources),
      sinks: Object.keys(settings.sinks),
    };
  }

  /** @throws CopylineError while requests cannot be served */
  async assertReady(): Promise<void> {
    await this.#service.control.query('SELECT 1');
    await this.queue.countWaiting();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all(this.#background.map((work) => work.stop()));
    await this.feed.stop();
    await this.#pools.close();
    await this.#service[Symbol.asyncDispose]();
    await this.#control[Symbol.asyncDispose]();
  }

  async #fire(): Promise<void> {
    for (const job of await this.schedules.fireDue()) {
      this.#log.log(`${job.schedule?.name ?? ''} is due: job ${job.id} for ${fileOf(job)}`);
      // Should this fail, the reconciler tells the queue.
      await enqueueSubmission(this.queue, this.submissions, job);
    }
  }

  async #reconcile(reconciler: Reconciler): Promise<void> {
    const { enqueued, settled } = await reconciler.run();
    if (enqueued > 0) this.#log.log(`${String(enqueued)} jobs handed to the queue again`);
    if (settled > 0) this.#log.log(`${String(settled)} jobs closed: the ledger has them as done`);
  }
}
