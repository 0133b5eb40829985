import { CopylineError, loadSpecSchema, type RejectLimit } from '@copyline/contracts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runLoad, type LoadDeps, type LoadOutcome } from '../run-load.ts';
import { writeRejectFiles } from './reject-files.ts';
import { readRejects, readRejectSet } from './reject-table.ts';

/** What may be different from the load whose rejects are loaded again. */
export interface ReplayOptions {
  readonly ledgerSchema: string;
  readonly rejectLimit?: RejectLimit | undefined;
  readonly rejectsFile?: string | undefined;
}

/** The source of a replay, in reports and in the ledger. */
export function replaySource(loadId: string): string {
  return `rejects:${loadId}`;
}

/**
 * Loads the rejects of a load again as they are, with its settings: of use when the target has been
 * changed. A replay is a load of its own, with the source `rejects:<load>` and a slot of that name, so
 * that it happens once however often it is asked for; what is refused again are rejects of the replay.
 *
 * @throws CopylineError `REJECTS_GONE`, `REPLAY_UNSUPPORTED`; as `runLoad` otherwise, nothing: it is in the report
 */
export async function replayRejects(
  loadId: string,
  { ledgerSchema, rejectLimit, rejectsFile }: ReplayOptions,
  deps: LoadDeps,
  signal?: AbortSignal,
): Promise<LoadOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'copyline-replay-'));
  try {
    const path = join(folder, 'rejects');
    const name = replaySource(loadId);
    const spec = await render(loadId, path, ledgerSchema, deps, signal);
    return await runLoad(
      {
        ...spec,
        source: { path, name },
        // The file of rejects is complete, and has no footer.
        dialect: { ...spec.dialect, skipFooter: 0 },
        settleMs: 0,
        doneMarker: undefined,
        ledgerSchema,
        slot: name,
        create: false,
        force: false,
        onError: 'continue',
        rejectLimit,
        rejectsFile,
      },
      { ...deps, canonicalSource: name },
      signal,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the file that is loaded. @returns the specification of the load that refused it */
async function render(
  loadId: string,
  path: string,
  schema: string,
  deps: LoadDeps,
  signal: AbortSignal | undefined,
): Promise<ReturnType<typeof parseKept>> {
  const connection = await deps.connect(signal);
  try {
    const set = await readRejectSet(connection, schema, loadId);
    if (set === undefined) {
      throw new CopylineError('REJECTS_GONE', `The ledger has no rejects of the load ${loadId}`);
    }
    const rejects = readRejects(connection, schema, loadId);
    await writeRejectFiles(path, replaySource(loadId), set.preamble, rejects);
    return parseKept(set.spec);
  } finally {
    await connection.close();
  }
}

const keptSpecSchema = loadSpecSchema.omit({ source: true, rejectsFile: true });

function parseKept(spec: unknown): ReturnType<typeof keptSpecSchema.parse> {
  const parsed = keptSpecSchema.safeParse(spec);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const fault = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  throw new CopylineError('REPLAY_UNSUPPORTED', `The kept settings are not known here: ${fault}`);
}
