import type { Processor, Queue, QueueOptions, Worker, WorkerOptions } from 'bullmq';

/** What is the same on both backends; a worker or a queue is made by its backend. */
export interface QueueBackend extends AsyncDisposable {
  readonly kind: 'redis' | 'postgres';
  /** Where it is; never a password. */
  readonly at: string;
  createQueue(name: string, options: Omit<QueueOptions, 'connection'>): Queue;
  createWorker(
    name: string,
    processor: Processor,
    options: Omit<WorkerOptions, 'connection'>,
  ): Worker;
  close(): Promise<void>;
}
