import { resolveSource, type Settings, type TargetPools } from '@copyline/config';
import { asCopylineError, refusedReport, type LoadRequest } from '@copyline/contracts';
import { runLoad } from '@copyline/copy';
import type { LoadRunner } from '@copyline/queue';

/** Runs submitted loads: looks their names up in this worker's configuration, and calls the engine. */
export function createLoadRunner(settings: Settings, pools: TargetPools): LoadRunner {
  return async (load, { owner, whenBusy, onProgress, signal }) => {
    let spec;
    let database;
    try {
      spec = await specOf(load, settings);
      database = pools.describe(load.connection);
    } catch (error) {
      const refusal = asCopylineError(error);
      return { report: { ...refusedReport(refusal), source: load.source }, error: refusal };
    }
    const connect = (until?: AbortSignal): ReturnType<TargetPools['connect']> =>
      pools.connect(load.connection, until);
    return runLoad(spec, { connect, database, owner, whenBusy, onProgress }, signal);
  };
}

async function specOf(
  { source, connection: _connection, ...load }: LoadRequest,
  settings: Settings,
): Promise<Parameters<typeof runLoad>[0]> {
  const { name, path, rootPath } = await resolveSource(source, settings);
  return {
    ...load,
    source: { name, path, within: rootPath },
    ledgerSchema: settings.ledgerSchema,
  };
}
