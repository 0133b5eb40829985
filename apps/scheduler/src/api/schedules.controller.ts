import {
  nameSchema,
  scheduleSpecSchema,
  type Job,
  type Occurrence,
  type Schedule,
} from '@copyline/contracts';
import { enqueueSubmission, workOf } from '@copyline/queue';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';

import { parseRequest } from '../http/problem.ts';
import { SchedulerService } from '../scheduler.service.ts';
import { checkWork } from './check-work.ts';

export const occurrencesQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

const pathSchema = z.strictObject({ name: nameSchema });

@Controller('api/v1/schedules')
export class SchedulesController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  @Get()
  async list(): Promise<{ schedules: Schedule[] }> {
    return { schedules: await this.#service.schedules.list() };
  }

  @Get(':name')
  find(@Param('name') name: string): Promise<Schedule> {
    return this.#service.schedules.get(checked(name));
  }

  @Put(':name')
  async put(
    @Param('name') name: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Schedule> {
    const spec = parseRequest(scheduleSpecSchema, body);
    const { config, schedules } = this.#service;
    const work = workOf(spec, new Date());
    await checkWork(work, config.settings, { at: `${work.type}.`, mayBeMissing: true });
    const { schedule, isNew } = await schedules.put(checked(name), spec);
    response.status(isNew ? 201 : 200);
    return schedule;
  }

  @Delete(':name')
  @HttpCode(204)
  remove(@Param('name') name: string): Promise<void> {
    return this.#service.schedules.remove(checked(name));
  }

  @Get(':name/occurrences')
  async occurrences(
    @Param('name') name: string,
    @Query() query: unknown,
  ): Promise<{ occurrences: Occurrence[] }> {
    const { limit } = parseRequest(occurrencesQuerySchema, query);
    return { occurrences: await this.#service.schedules.occurrences(checked(name), limit) };
  }

  @Post(':name/pause')
  @HttpCode(200)
  pause(@Param('name') name: string): Promise<Schedule> {
    return this.#service.schedules.setPaused(checked(name), true);
  }

  @Post(':name/resume')
  @HttpCode(200)
  resume(@Param('name') name: string): Promise<Schedule> {
    return this.#service.schedules.setPaused(checked(name), false);
  }

  @Post(':name/run')
  @HttpCode(202)
  async run(@Param('name') name: string): Promise<{ occurrence: Occurrence; job: Job | null }> {
    const { schedules, queue, submissions } = this.#service;
    const { occurrence, job } = await schedules.runNow(checked(name));
    // It is written down: a queue that is away hears of it from the reconciler.
    if (job !== undefined) {
      await enqueueSubmission(queue, submissions, job).catch(() => undefined);
    }
    return { occurrence, job: job ?? null };
  }
}

function checked(name: string): string {
  return parseRequest(pathSchema, { name }).name;
}
