import { connect } from '@copyline/dws-client';
import { parentPort } from 'node:worker_threads';

import { runLoad } from '../run-load.ts';
import { carry, unpack } from './carried-error.ts';
import type { FromThread, ThreadLoad, ToThread } from './load-threads.ts';

/** The program of a thread of `LoadThreads`: one load after the other, as it is told. */
if (parentPort === null) throw new Error('This program is the program of a thread');
const port = parentPort;
let running = new AbortController();

port.on('message', (message: ToThread) => {
  if ('abort' in message) running.abort(unpack(message.abort));
  else void run(message.load);
});

async function run({ input, conninfo, deps }: ThreadLoad): Promise<void> {
  running = new AbortController();
  const outcome = await runLoad(
    input,
    {
      ...deps,
      connect: (signal) =>
        connect({ target: conninfo, ...(signal === undefined ? {} : { signal }) }),
      onProgress: (progress) => {
        tell({ progress });
      },
    },
    running.signal,
  );
  const { report, error } = outcome;
  tell({ report, error: error && carry(error) });
}

function tell(message: FromThread): void {
  port.postMessage(message);
}
