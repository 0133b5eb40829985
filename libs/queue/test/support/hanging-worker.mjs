// A worker of another process that takes one job and never lets go of it: for SIGKILL and SIGSTOP.
// Arguments: the kind of the backend, its URL, the keys' prefix.
import { createRequire } from 'node:module';

// BullMQ finds `pg` by itself only as CommonJS.
const { createPostgresBackend, Worker } = createRequire(import.meta.url)('bullmq');

const [, , kind, url, prefix] = process.argv;
const { hostname, port, password } = new URL(url);
const hang = (job) => {
  console.log(`took ${job.id}`);
  return new Promise(() => undefined);
};
const options = { lockDuration: 1_000, stalledInterval: 500 };
const worker =
  kind === 'postgres'
    ? new Worker(
        'loads',
        hang,
        { ...options, connection: { connectionString: url } },
        createPostgresBackend,
      )
    : new Worker('loads', hang, {
        ...options,
        prefix,
        connection: { host: hostname, port: Number(port), password },
      });
worker.on('error', (error) => console.error(error.message));
await worker.waitUntilReady();
console.log('ready');
