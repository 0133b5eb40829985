import type { ServiceStatus } from '@copyline/contracts';
import { Controller, Get, Inject, Sse, type MessageEvent } from '@nestjs/common';
import { exhaustMap, map, merge, timer, type Observable } from 'rxjs';

import { SchedulerService } from '../scheduler.service.ts';

/** Also a sign of life: proxies cut connections that say nothing. */
const STATUS_PAUSE_MS = 5_000;

@Controller('api/v1')
export class EventsController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  @Get('status')
  status(): Promise<ServiceStatus> {
    return this.#service.status();
  }

  /** What a page shows: all jobs of late to begin with, then each change. */
  @Sse('events')
  events(): Observable<MessageEvent> {
    const jobs = this.#service.feed
      .follow()
      .pipe(map((changed) => ({ type: 'jobs', data: { jobs: changed } })));
    const status = timer(0, STATUS_PAUSE_MS).pipe(
      exhaustMap(() => this.#service.status()),
      map((data) => ({ type: 'status', data })),
    );
    return merge(jobs, status);
  }
}
