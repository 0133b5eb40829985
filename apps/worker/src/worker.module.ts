import { Module, type DynamicModule } from '@nestjs/common';

import type { WorkerConfig } from './config.ts';
import { HealthController } from './health.controller.ts';
import { LoadWorker } from './load-worker.ts';

/** The whole worker: the loads, and the health endpoints that speak for them. */
@Module({})
export class WorkerModule {
  static with(config: WorkerConfig): DynamicModule {
    return {
      module: WorkerModule,
      controllers: [HealthController],
      providers: [{ provide: LoadWorker, useFactory: () => LoadWorker.start(config) }],
    };
  }
}
