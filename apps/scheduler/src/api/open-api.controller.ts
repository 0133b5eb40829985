import { Controller, Get, Inject } from '@nestjs/common';

import { SchedulerService } from '../scheduler.service.ts';
import { openApiDocument } from './open-api.ts';

@Controller('api/v1/openapi.json')
export class OpenApiController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  @Get()
  document(): object {
    return openApiDocument(this.#service.config.version);
  }
}
