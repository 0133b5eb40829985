import type { JobQueue } from '@copyline/queue';
import express, { type RequestHandler } from 'express';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const BOARD_PATH = '/queues';

/** The queue's own board; its code, a quarter of what there is to start, comes when somebody looks. */
export function queueBoardWhenAsked(queue: JobQueue): RequestHandler {
  let board: Promise<RequestHandler> | undefined;
  return (request, response, next) => {
    board ??= import('./queue-board.ts').then((module) => module.queueBoard(queue, BOARD_PATH));
    board.then((handle) => handle(request, response, next)).catch(next);
  };
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
