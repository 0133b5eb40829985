import { readSettings, type Settings } from '@copyline/config';
import { hostname } from 'node:os';

/** What this worker runs with. */
export interface WorkerConfig {
  readonly settings: Settings;
  /** Host and process: how ledger, queue and page call it. */
  readonly name: string;
  /** Jobs at a time. */
  readonly concurrency: number;
  /** How long a job may go on after the worker was told to stop. */
  readonly graceMs: number;
  /** How long the queue waits for a sign of life before it gives a job to another worker. */
  readonly lockMs: number;
  /** Runs that may end in a passing failure before a job fails for good. */
  readonly attempts: number;
  /** Of the health endpoints. */
  readonly host: string;
  readonly port: number;
  /** Whoever has started this process holds a channel to it, and it ends when the channel does. */
  readonly hasParent: boolean;
}

/** @throws CopylineError `CONFIG_INVALID`, naming every fault */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<WorkerConfig> {
  const settings = await readSettings({ env });
  const { concurrency, graceSeconds, lockSeconds, attempts, host, port } = settings.worker;
  return {
    settings,
    name: `${hostname()}/${String(process.pid)}`,
    concurrency,
    graceMs: graceSeconds * 1_000,
    lockMs: lockSeconds * 1_000,
    attempts,
    host,
    port,
    hasParent: env['COPYLINE_PARENT_CHANNEL'] === '1',
  };
}
