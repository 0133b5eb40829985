import {
  CopylineError,
  isFinal,
  jobStateSchema,
  type Job,
  type JobList,
} from '@copyline/contracts';
import { Controller, Delete, Get, HttpCode, Inject, Param, Query, Req } from '@nestjs/common';
import type { Request } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

import { parseRequest } from '../http/problem.ts';
import { SchedulerService } from '../scheduler.service.ts';

const list = <T extends z.ZodType>(item: T) =>
  z.preprocess((text) => (typeof text === 'string' ? text.split(',') : text), z.array(item));

/** `GET /jobs`; states with commas between them. */
export const jobsQuerySchema = z.strictObject({
  state: list(jobStateSchema).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: z.string().optional(),
});

/** `GET /jobs/:id`; how long to wait for the end of the job. */
export const jobQuerySchema = z.strictObject({
  waitSeconds: z.coerce.number().min(0).max(30).default(0),
});

const WAIT_STEP_MS = 100;

@Controller('api/v1/jobs')
export class JobsController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  @Get()
  list(@Query() query: unknown): Promise<JobList> {
    const { state, limit, before } = parseRequest(jobsQuerySchema, query);
    return this.#service.submissions.list({
      limit,
      ...(state === undefined ? {} : { states: state }),
      ...(before === undefined ? {} : { before }),
    });
  }

  @Get(':id')
  async find(
    @Param('id') id: string,
    @Query() query: unknown,
    @Req() request: Request,
  ): Promise<Job> {
    const { waitSeconds } = parseRequest(jobQuerySchema, query);
    const deadline = performance.now() + waitSeconds * 1_000;
    for (;;) {
      const job = await this.#find(id);
      const isLate = performance.now() >= deadline || request.destroyed;
      if (isFinal(job.state) || isLate) return job;
      await sleep(WAIT_STEP_MS);
    }
  }

  @Delete(':id')
  @HttpCode(202)
  async cancel(@Param('id') id: string): Promise<Job> {
    const { submissions, queue } = this.#service;
    const job = await submissions.cancel(requireUuid(id));
    // Nobody will run it, and its place on the queue's board is of no use; or a worker has to find out
    // what became of its runs, and nobody should wait for its pause to end. Best effort.
    const tell = isFinal(job.state) ? queue.remove(job.id) : queue.hurry(job.id);
    await tell.catch(() => undefined);
    return job;
  }

  async #find(id: string): Promise<Job> {
    const job = await this.#service.submissions.find(requireUuid(id));
    if (job === undefined) throw notFound(id);
    return job;
  }
}

function requireUuid(id: string): string {
  if (z.uuid().safeParse(id).success) return id.toLowerCase();
  throw notFound(id);
}

function notFound(id: string): CopylineError {
  return new CopylineError('JOB_NOT_FOUND', `There is no job ${id.slice(0, 40)}`);
}
