import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';

import type { SchedulerConfig } from './config.ts';
import { authenticate } from './http/authentication.ts';
import { BOARD_PATH, dashboardFiles, queueBoardWhenAsked } from './http/pages.ts';
import { ProblemFilter } from './http/problem.filter.ts';
import { nameRequest } from './http/request-id.ts';
import { SchedulerModule } from './scheduler.module.ts';
import { SchedulerService } from './scheduler.service.ts';

/** Builds the application; the order of the lines is the way of a request. */
export async function createApplication(config: SchedulerConfig): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(SchedulerModule.with(config), {
    logger: new ConsoleLogger({ json: true, compact: true }),
    bodyParser: false,
    abortOnError: false,
  });
  const service = app.get(SchedulerService);
  app.disable('x-powered-by');
  // A proxy of this machine or network says whether the browser speaks TLS: cookies depend on it.
  app.set('trust proxy', 'loopback, linklocal, uniquelocal');
  app.use(nameRequest);
  app.use(helmet({ strictTransportSecurity: false, contentSecurityPolicy: CONTENT_POLICY }));
  app.use(authenticate(service.access));
  app.useBodyParser('json', { limit: config.maxBodyBytes });
  app.use(BOARD_PATH, queueBoardWhenAsked(service.queue));
  app.use(dashboardFiles());
  app.useGlobalFilters(new ProblemFilter());
  return app;
}

/** Nothing from anywhere else. The queue's board brings styles of its own in its page. */
const CONTENT_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    styleSrc: ["'self'", "'unsafe-inline'"],
    objectSrc: ["'none'"],
    frameAncestors: ["'none'"],
    baseUri: ["'self'"],
    formAction: ["'self'"],
  },
};
