import 'reflect-metadata';

import { asCopylineError } from '@copyline/contracts';
import { Logger } from '@nestjs/common';

import { createApplication } from './application.ts';
import { readConfig } from './config.ts';

const EXIT_FAILED = 1;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

async function main(): Promise<void> {
  const config = await readConfig(process.env);
  const app = await createApplication(config);
  let isStopping = false;
  const stop = async (): Promise<void> => {
    if (isStopping) process.exit(EXIT_FAILED);
    isStopping = true;
    // Pages that follow the events would keep their connections for ever.
    app.getHttpServer().closeAllConnections();
    await app.close();
    process.exit();
  };
  for (const signal of SIGNALS) process.on(signal, () => void stop());
  if (config.hasParent) {
    // Whoever has started us is gone, or has no other way to say it; never the second time.
    process.on('disconnect', () => {
      if (!isStopping) void stop();
    });
  }
  await app.listen(config.port, config.host);
  new Logger('Scheduler').log(`Listening at ${await app.getUrl()}`);
}

main().catch((error: unknown) => {
  const { code, message, advice } = asCopylineError(error);
  process.stderr.write(`copyline-scheduler cannot start: ${code}: ${message}\n${advice}\n`);
  process.exit(EXIT_FAILED);
});
