import { EMBEDDED_CONNECTION, nameSchema } from '@copyline/contracts';
import { z } from 'zod';

import { parseQueueAddress, POSTGRES_QUEUE } from './queue-address.ts';

export const DEFAULT_LEDGER_SCHEMA = 'copyline';
export const DEFAULT_PORT = 7420;
const DEFAULT_WORKER_PORT = 7421;
/** Nobody but this machine, until somebody decides otherwise. */
const LOOPBACK = '127.0.0.1';
/** The largest sensible description of a load has a few kilobytes; its data never comes along. */
const MAX_BODY_BYTES = 64 * 1024;

/** As it begins a source name, `inbox:orders.csv`. */
const rootNameSchema = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9_-]*$/, 'begins with a lower-case letter; then a-z, 0-9, - and _');

const host = (meaning: string): z.ZodDefault<z.ZodString> =>
  z
    .string()
    .regex(/^[A-Za-z0-9_.:%-]+$/, 'is a host name or an IP address, without a port')
    .default(LOOPBACK)
    .describe(meaning);
const port = (value: number, meaning: string): z.ZodDefault<z.ZodInt> =>
  z.int().min(0).max(65535).default(value).describe(meaning);
const count = (value: number, least: number, most: number): z.ZodDefault<z.ZodInt> =>
  z.int().min(least).max(most).default(value);
const seconds = (value: number, least: number, most: number): z.ZodDefault<z.ZodNumber> =>
  z.number().min(least).max(most).default(value);

export const schedulerSchema = z.strictObject({
  host: host(
    'Address that the HTTP API listens on; anything but loopback is open to the network, with the token as its only lock.',
  ),
  port: port(DEFAULT_PORT, 'Port of the HTTP API and the dashboard; 0 takes any free one.'),
  reconcileSeconds: seconds(5, 0.1, 3600).describe(
    'How often submissions are compared with the queue, and what the queue has lost is put back.',
  ),
  maxBodyBytes: count(MAX_BODY_BYTES, 1024, 16 * 1024 * 1024).describe(
    'Largest body of a request.',
  ),
});

export const workerSchema = z.strictObject({
  concurrency: count(2, 1, 64).describe('Loads and extracts that one worker runs at a time.'),
  graceSeconds: seconds(30, 0, 3600).describe(
    'How long a stopping worker lets its jobs go on before it rolls them back and returns them to the queue.',
  ),
  lockSeconds: seconds(30, 1, 3600).describe(
    'How long a worker that has gone silent keeps its jobs.',
  ),
  attempts: count(5, 1, 100).describe(
    'How often a job is tried when it fails for passing reasons.',
  ),
  host: host('Address that the health endpoints listen on.'),
  port: port(DEFAULT_WORKER_PORT, 'Port of the health endpoints; 0 takes any free one.'),
});

/** What stands in copyline.yaml. `docs/configuration.md` is generated from it. */
export const configSchema = z.strictObject({
  connections: z
    .record(nameSchema, z.string())
    .default({})
    .describe('Databases by name, each a conninfo; what a load or an extract may name.'),
  ledgerSchema: z
    .string()
    .min(1)
    .default(DEFAULT_LEDGER_SCHEMA)
    .describe('Schema of the ledger in every target.'),
  sources: z
    .record(rootNameSchema, z.string().min(1))
    .optional()
    .describe(
      'Folders by name, relative to this file: `inbox:orders.csv` is `orders.csv` in the folder `inbox`. A submitted load can read these and nothing else. Without a configuration file: `inbox: ./inbox`; with a file that names none: none.',
    ),
  sinks: z
    .record(rootNameSchema, z.string().min(1))
    .optional()
    .describe(
      'Folders by name, as in `sources`, that submitted extracts may write to, and nothing else. Without a configuration file: `outbox: ./outbox`; with a file that names none: none, and no extract can be submitted.',
    ),
  control: z
    .string()
    .min(1)
    .default(EMBEDDED_CONNECTION)
    .describe('Database of submissions and schedules: the name of a connection, or a conninfo.'),
  queue: z
    .string()
    .superRefine((text, context) => {
      const address = parseQueueAddress(text);
      if (typeof address === 'string') context.addIssue({ code: 'custom', message: address });
    })
    .default(POSTGRES_QUEUE)
    .describe(
      '`postgres`: the queue is in the control database; or the `redis://` or `rediss://` URL of a Redis server.',
    ),
  scheduler: schedulerSchema.prefault({}),
  worker: workerSchema.prefault({}),
});
export type FileConfig = z.output<typeof configSchema>;
