import { asCopylineError } from '@copyline/contracts';
import { Controller, Get, Inject, ServiceUnavailableException } from '@nestjs/common';

import { LoadWorker } from './load-worker.ts';

/** For supervisors: is a restart of use (`healthz`), is work of use (`readyz`)? */
@Controller()
export class HealthController {
  readonly #worker: LoadWorker;

  constructor(@Inject(LoadWorker) worker: LoadWorker) {
    this.#worker = worker;
  }

  @Get('healthz')
  healthz(): Promise<object> {
    return answer(() => {
      this.#worker.assertAlive();
    });
  }

  @Get('readyz')
  readyz(): Promise<object> {
    return answer(() => this.#worker.assertReady());
  }
}

async function answer(check: () => Promise<void> | void): Promise<object> {
  try {
    await check();
    return { status: 'ok' };
  } catch (error) {
    const { code, message } = asCopylineError(error);
    throw new ServiceUnavailableException({ status: 'unavailable', code, message });
  }
}
