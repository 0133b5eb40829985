import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { JobQueue } from '@copyline/queue';
import express, { type RequestHandler, type Router } from 'express';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const BOARD_PATH = '/queues';

/** The queue's own board. It may look, not touch: the submissions decide what is run. */
export function queueBoard(queue: JobQueue): RequestHandler {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(BOARD_PATH);
  createBullBoard({
    queues: [new BullMQAdapter(queue.bullQueue, { readOnlyMode: true })],
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Copyline', hideRedisDetails: true } },
  });
  return serverAdapter.getRouter() as Router;
}

/** The dashboard's files; there is nothing secret in them. */
export function dashboardFiles(): RequestHandler {
  const project = import.meta.resolve('@copyline/dashboard/package.json');
  const folder = fileURLToPath(new URL('dist', project));
  if (!existsSync(folder)) {
    throw new Error('The dashboard is not built. Run `npm run build` in the checkout.');
  }
  return express.static(folder, {
    index: 'index.html',
    // Their names hold a digest of their content, except for the page itself.
    setHeaders: (response, path) => {
      response.setHeader(
        'Cache-Control',
        path.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable',
      );
    },
  });
}
