import { Controller, Get, Inject } from '@nestjs/common';

import { SchedulerService } from '../scheduler.service.ts';

/** For supervisors: `healthz` says that the process answers, `readyz` that it can serve requests. */
@Controller()
export class HealthController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  @Get('healthz')
  healthz(): object {
    return { status: 'ok' };
  }

  @Get('readyz')
  async readyz(): Promise<object> {
    await this.#service.assertReady();
    return { status: 'ok' };
  }
}
