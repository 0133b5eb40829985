import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { JobQueue } from '@copyline/queue';
import type { Router } from 'express';

/** The queue's own board. It may look, not touch: the submissions decide what is run. */
export function queueBoard(queue: JobQueue, path: string): Router {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(path);
  createBullBoard({
    queues: [new BullMQAdapter(queue.bullQueue, { readOnlyMode: true })],
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Copyline', hideRedisDetails: true } },
  });
  return serverAdapter.getRouter() as Router;
}
