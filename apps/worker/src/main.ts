import 'reflect-metadata';

import { asCopylineError } from '@copyline/contracts';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { readConfig } from './config.ts';
import { LoadWorker } from './load-worker.ts';
import { WorkerModule } from './worker.module.ts';

/** In good order: all loads have ended, or are rolled back and in the queue again. */
const EXIT_STOPPED = 0;
/** A start that failed, a load that did not let go in time, or a fault that nobody has caught. */
const EXIT_FAILED = 1;

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Whose fault it is and what it has left half done nobody knows, so no job of this process goes on:
 * their servers roll back, and the queue gives them to the next worker. Rejections come here, too.
 */
process.on('uncaughtException', (error: unknown, origin) => {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  new Logger('Worker').fatal(`Ending at once: ${origin}: ${message}`, stack);
  process.exit(EXIT_FAILED);
});

async function main(): Promise<void> {
  const config = await readConfig(process.env);
  const app = await NestFactory.create(WorkerModule.with(config), {
    logger: new ConsoleLogger({ json: true, compact: true }),
    abortOnError: false,
  });
  const worker = app.get(LoadWorker);
  let isStopping = false;
  const stop = async (): Promise<void> => {
    // The second time somebody is in a hurry: the servers roll back by themselves.
    if (isStopping) process.exit(EXIT_FAILED);
    isStopping = true;
    const isOrderly = await worker.close();
    await app.close();
    process.exit(isOrderly ? EXIT_STOPPED : EXIT_FAILED);
  };
  for (const signal of SIGNALS) process.on(signal, () => void stop());
  if (config.hasParent) {
    // Whoever has started us is gone, or has no other way to say it; never the second time.
    process.on('disconnect', () => {
      if (!isStopping) void stop();
    });
  }
  await app.listen(config.port, config.host);
  new Logger('Worker').log(`Health at ${await app.getUrl()}/readyz`);
}

main().catch((error: unknown) => {
  const { code, message, advice } = asCopylineError(error);
  process.stderr.write(`copyline-worker cannot start: ${code}: ${message}\n${advice}\n`);
  process.exit(EXIT_FAILED);
});
