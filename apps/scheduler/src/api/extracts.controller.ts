import { extractRequestSchema, type Job } from '@copyline/contracts';
import { Body, Controller, Headers, Inject, Post, Res } from '@nestjs/common';
import type { Response } from 'express';

import { parseRequest } from '../http/problem.ts';
import { SchedulerService } from '../scheduler.service.ts';
import { acceptWork } from './accept-work.ts';

@Controller('api/v1/extracts')
export class ExtractsController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  @Post()
  submit(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Job> {
    const extract = parseRequest(extractRequestSchema, body);
    return acceptWork(this.#service, { type: 'extract', extract }, key, response);
  }
}
