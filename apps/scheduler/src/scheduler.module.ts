import { Module, type DynamicModule } from '@nestjs/common';

import { EventsController } from './api/events.controller.ts';
import { ExtractsController } from './api/extracts.controller.ts';
import { HealthController } from './api/health.controller.ts';
import { JobsController } from './api/jobs.controller.ts';
import { LoadsController } from './api/loads.controller.ts';
import { OpenApiController } from './api/open-api.controller.ts';
import { SchedulesController } from './api/schedules.controller.ts';
import { SessionController } from './api/session.controller.ts';
import type { SchedulerConfig } from './config.ts';
import { SchedulerService } from './scheduler.service.ts';

export const CONTROLLERS = [
  EventsController,
  ExtractsController,
  HealthController,
  JobsController,
  LoadsController,
  OpenApiController,
  SchedulesController,
  SessionController,
];

/** The whole scheduler: what it does by itself, and the API. */
@Module({})
export class SchedulerModule {
  static with(config: SchedulerConfig): DynamicModule {
    return {
      module: SchedulerModule,
      controllers: CONTROLLERS,
      providers: [{ provide: SchedulerService, useFactory: () => SchedulerService.start(config) }],
    };
  }
}
