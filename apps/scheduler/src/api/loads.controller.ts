import { CopylineError, loadRequestSchema, type Job } from '@copyline/contracts';
import { submitLoad } from '@copyline/queue';
import { Body, Controller, Headers, Inject, Post, Res } from '@nestjs/common';
import type { Response } from 'express';

import { parseRequest } from '../http/problem.ts';
import { SchedulerService } from '../scheduler.service.ts';
import { checkLoad } from './check-load.ts';

@Controller('api/v1/loads')
export class LoadsController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  @Post()
  async submit(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Job> {
    const load = parseRequest(loadRequestSchema, body);
    assertKey(key);
    const { config, queue, submissions } = this.#service;
    await checkLoad(load, config.settings, { at: '', mayBeMissing: false });
    const options = key === undefined ? {} : { idempotencyKey: key };
    const { job, isNew } = await submitLoad(queue, submissions, load, options);
    response.status(isNew ? 202 : 200).location(`/api/v1/jobs/${job.id}`);
    return job;
  }
}

/** @throws CopylineError `REQUEST_INVALID` */
function assertKey(key: string | undefined): void {
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return;
  throw new CopylineError(
    'REQUEST_INVALID',
    'An Idempotency-Key has 1 to 255 visible ASCII characters and no spaces',
  );
}
