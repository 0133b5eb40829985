import type { ConnectionParameters, Secret } from '@copyline/dws-client';

import type { QueueBackend } from './backend/backend.ts';
import { openQueueBackend } from './backend/open-queue-backend.ts';
import { ControlDatabase } from './control/control-database.ts';
import { Submissions } from './control/submissions.ts';
import { JobQueue } from './job-queue.ts';

export interface ServiceOptions {
  readonly control: ConnectionParameters;
  /** Where Redis is; without it the queue is kept in the control database. */
  readonly redis: Secret | undefined;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Told of what goes wrong in the background: a lost connection that is being restored. */
  readonly onError: (error: Error) => void;
}

/** What scheduler and worker both stand on. */
export interface Service extends AsyncDisposable {
  readonly control: ControlDatabase;
  readonly submissions: Submissions;
  readonly backend: QueueBackend;
  readonly queue: JobQueue;
}

/**
 * Opens control database and queue; what was opened is closed again when the rest fails.
 *
 * @throws CopylineError as `ControlDatabase.open` and `openQueueBackend` do
 */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { control: target, redis, applicationName, onError } = options;
  const control = await ControlDatabase.open({ target, applicationName });
  let backend: QueueBackend | undefined;
  try {
    backend = await openQueueBackend(
      redis === undefined ? { kind: 'postgres', target } : { kind: 'redis', url: redis },
    );
    const opened = backend;
    const queue = new JobQueue(opened, onError);
    return {
      control,
      submissions: new Submissions(control),
      backend: opened,
      queue,
      async [Symbol.asyncDispose]() {
        await queue.close();
        await opened.close();
        await control.close();
      },
    };
  } catch (error) {
    await backend?.close();
    await control.close();
    throw error;
  }
}
