import { resolveSink, type Settings, type TargetPools } from '@copyline/config';
import { asCopylineError, refusedExtractReport, type ExtractRequest } from '@copyline/contracts';
import { findPublished, runExtract } from '@copyline/copy';
import type { ExtractRunner } from '@copyline/queue';

/**
 * Runs submitted extracts: looks their names up in this worker's configuration, and calls the engine.
 * The id of the job is that of its extract, in the manifest, too.
 */
export function createExtractRunner(settings: Settings, pools: TargetPools): ExtractRunner {
  return {
    async run(extract, { owner, onProgress, beforePublish, signal }) {
      let spec;
      let database;
      try {
        spec = await specOf(extract, settings);
        database = pools.describe(extract.connection);
      } catch (error) {
        const refusal = asCopylineError(error);
        return { report: { ...refusedExtractReport(refusal), to: extract.to }, error: refusal };
      }
      const connection = (until?: AbortSignal): ReturnType<TargetPools['connect']> =>
        pools.connect(extract.connection, until);
      const deps = { connection, database, extractId: owner, onProgress, beforePublish };
      return runExtract(spec, deps, signal);
    },

    async findPublished(extract, owner) {
      const spec = await specOf(extract, settings);
      const database = pools.describe(extract.connection);
      return findPublished(spec, { extractId: owner, database });
    },
  };
}

async function specOf(
  { to, connection: _connection, ...extract }: ExtractRequest,
  settings: Settings,
): Promise<Parameters<typeof runExtract>[0]> {
  const { name, path, rootPath } = await resolveSink(to, settings);
  return { ...extract, to: { name, path, within: rootPath } };
}
