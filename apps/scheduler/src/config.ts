import { readSettings, type Settings } from '@copyline/config';
import { readFileSync } from 'node:fs';

/** What this scheduler runs with. */
export interface SchedulerConfig {
  readonly settings: Settings;
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** Pause between the rounds of the reconciler. */
  readonly reconcileMs: number;
  readonly maxBodyBytes: number;
  /** Whoever has started this process holds a channel to it, and it ends when the channel does. */
  readonly hasParent: boolean;
}

/** @throws CopylineError `CONFIG_INVALID`, naming every fault */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<SchedulerConfig> {
  const settings = await readSettings({ env });
  const { host, port, reconcileSeconds, maxBodyBytes } = settings.scheduler;
  return {
    settings,
    version: readVersion(),
    host,
    port,
    reconcileMs: reconcileSeconds * 1_000,
    maxBodyBytes,
    hasParent: env['COPYLINE_PARENT_CHANNEL'] === '1',
  };
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
