import { controlTarget, TargetPools, type Target } from '@copyline/config';
import { CopylineError } from '@copyline/contracts';
import {
  createLedgerLookup,
  JobWorker,
  openService,
  SubmissionRunner,
  Workers,
  withoutRepeats,
  type RegisteredWorker,
  type Service,
} from '@copyline/queue';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';

import type { WorkerConfig } from './config.ts';
import { createExtractRunner } from './extract-runner.ts';
import { createLoadRunner } from './load-runner.ts';

/** Often enough for a page that shows which workers are there. */
const BEAT_MS = 3_000;
/**
 * A queue with waiting jobs of which an idle worker takes none is stuck: a delivery takes milliseconds,
 * the reconnection after an outage seconds.
 */
const STUCK_AFTER_MS = 60_000;
/** A ROLLBACK is fast; whoever supervises us gives us some ten seconds more than the grace. */
const ROLLBACK_MS = 8_000;

/** One worker: takes loads and extracts from the queue, runs them, and gives them up in good order. */
export class LoadWorker implements OnApplicationShutdown {
  readonly #config: WorkerConfig;
  readonly #log: Logger;
  readonly #control: Target;
  readonly #service: Service;
  readonly #pools: TargetPools;
  readonly #jobs: JobWorker;
  readonly #workers: Workers;
  readonly #self: RegisteredWorker;
  readonly #beat: NodeJS.Timeout;
  #stuckSince: number | undefined;
  #closing: Promise<boolean> | undefined;

  private constructor(
    config: WorkerConfig,
    parts: {
      readonly log: Logger;
      readonly control: Target;
      readonly service: Service;
      readonly pools: TargetPools;
      readonly jobs: JobWorker;
      readonly workers: Workers;
      readonly self: RegisteredWorker;
    },
  ) {
    this.#config = config;
    this.#log = parts.log;
    this.#control = parts.control;
    this.#service = parts.service;
    this.#pools = parts.pools;
    this.#jobs = parts.jobs;
    this.#workers = parts.workers;
    this.#self = parts.self;
    this.#beat = setInterval(() => void this.#tell(), BEAT_MS);
  }

  /** @throws CopylineError when control database or queue cannot be used */
  static async start(config: WorkerConfig): Promise<LoadWorker> {
    const { settings, name, concurrency, lockMs } = config;
    const log = new Logger('Worker');
    const onStatus = (sentence: string): void => {
      log.log(sentence);
    };
    const onError = withoutRepeats((message) => {
      log.warn(`Queue: ${message}`);
    });
    const control = controlTarget(settings, onStatus);
    for (const warning of control.warnings) log.warn(warning);
    // Two for each job: its own, and one to look for the outcome when that is lost.
    const pools = new TargetPools(settings, {
      max: concurrency * 2,
      applicationName: 'copyline worker',
      onStatus,
    });
    const service = await openService({
      control: await control.parameters(),
      redis: settings.queue.backend === 'redis' ? settings.queue.url : undefined,
      applicationName: 'copyline worker',
      onError,
    });
    const runner = new SubmissionRunner({
      submissions: service.submissions,
      runLoad: createLoadRunner(settings, pools),
      lookUp: createLedgerLookup((target) => pools.connect(target), settings.ledgerSchema),
      extracts: createExtractRunner(settings, pools),
      worker: name,
      retry: { attempts: config.attempts },
    });
    const workers = new Workers(service.control);
    const self = await workers.register(name, concurrency);
    const jobs = new JobWorker(
      service.backend,
      {
        load: (delivery) => runner.run(delivery),
        extract: (delivery) => runner.run(delivery),
      },
      { name, concurrency, lockMs, onError },
    );
    await jobs.waitUntilReady();
    log.log(`Taking jobs from the queue in ${service.queue.at}, ${String(concurrency)} at a time`);
    return new LoadWorker(config, { log, control, service, pools, jobs, workers, self });
  }

  /** @throws CopylineError while the worker cannot work */
  async assertReady(): Promise<void> {
    this.assertAlive();
    await this.#service.control.query('SELECT 1');
    await this.#service.queue.countWaiting();
  }

  /** @throws CopylineError when a restart would help */
  assertAlive(): void {
    const isStuck =
      this.#stuckSince !== undefined && performance.now() - this.#stuckSince > STUCK_AFTER_MS;
    if (this.#jobs.isRunning && !isStuck) return;
    throw new CopylineError(
      'QUEUE_UNAVAILABLE',
      isStuck ? 'Jobs are waiting, and this worker takes none' : 'The worker takes no jobs',
    );
  }

  /**
   * Takes no more jobs and lets those at work end, within the grace; then they are rolled back and go
   * back to the queue.
   *
   * @returns whether all have ended in good order
   */
  close(): Promise<boolean> {
    return (this.#closing ??= this.#close());
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  async #close(): Promise<boolean> {
    const { running } = this.#jobs;
    const seconds = String(this.#config.graceMs / 1_000);
    this.#log.log(
      running === 0
        ? 'Stopping'
        : `Stopping; ${String(running)} jobs at work may go on for ${seconds} s`,
    );
    const isOrderly = await this.#jobs.close(this.#config.graceMs, ROLLBACK_MS);
    clearInterval(this.#beat);
    // Nobody waits for these any more: what is left open ends with the process.
    try {
      await this.#workers.unregister(this.#self);
      await this.#service[Symbol.asyncDispose]();
      if (isOrderly) await this.#pools.close();
      await this.#control[Symbol.asyncDispose]();
    } catch (error) {
      this.#log.warn(`While stopping: ${messageOf(error)}`);
    }
    this.#log.log(isOrderly ? 'Stopped' : 'Stopped although a job did not let go in time');
    return isOrderly;
  }

  async #tell(): Promise<void> {
    try {
      await this.#workers.beat(this.#self, this.#jobs.running);
      const waiting = await this.#service.queue.countWaiting();
      const isIdle = waiting > 0 && this.#jobs.running === 0;
      this.#stuckSince = isIdle ? (this.#stuckSince ?? performance.now()) : undefined;
    } catch (error) {
      this.#log.warn(`No sign of life could be given: ${messageOf(error)}`);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
