import {
  CopylineError,
  extractSpecSchema,
  type ExtractReport,
  type ExtractSpec,
  type ExtractSpecInput,
  type Manifest,
} from '@copyline/contracts';
import { untilAborted, type Connection } from '@copyline/dws-client';
import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';

import { dialectBytes } from '../csv/dialect.ts';
import { parseTableName } from '../plan/table-name.ts';
import { ExtractRecorder, sum, type ExtractProgress } from './extract-recorder.ts';
import { formatManifest, readManifest } from './manifest.ts';
import { Output, type OutputOptions } from './output.ts';
import { csvOf, dialectOf, formatOf, type ExtractPlan } from './plan-extract.ts';
import { readRows } from './read-rows.ts';
import { sinkError } from './sink/byte-target.ts';
import { Destination } from './sink/destination.ts';
import { manifestName, splitName } from './sink/file-names.ts';
import type { PartFile } from './sink/part-file.ts';
import { StandardOutput } from './sink/standard-output.ts';
import { StopSignal } from './stop-signal.ts';

/** Beside none. */
const COMPRESSIONS = { csv: ['gzip'], parquet: ['snappy', 'zstd'] };

/** What an extract needs from the outside. */
export interface ExtractDeps {
  /**
   * Opens a connection that is closed afterwards; or a connection of the caller's, which is left as
   * it was found. Inside a transaction of the caller the extract is a savepoint, and reads what the
   * transaction reads, at its isolation level; a server without COPY under savepoints refuses it there
   * (`NOT_SUPPORTED`).
   */
  readonly connection: Connection | ((signal?: AbortSignal) => Promise<Connection>);
  /** The database for reports, without secrets. */
  readonly database: string;
  /**
   * A UUID for an extract that may be run again after its process has died. What was published under
   * it is its outcome, and is not done a second time. Default: a new one for each run.
   */
  readonly extractId?: string;
  /** Awaited when everything is on the disk, before the first name is given. */
  readonly beforePublish?: () => Promise<void>;
  /** Where `to: 'stdout'` goes. Default: the process's standard output. */
  readonly output?: Writable;
  readonly onProgress?: (progress: ExtractProgress) => void;
}

/** The report, and the error behind it with its causes. */
export interface ExtractOutcome {
  readonly report: ExtractReport;
  readonly error: CopylineError | undefined;
}

/** What stays the same throughout one extract. */
interface ExtractRun {
  readonly spec: ExtractSpec;
  readonly deps: ExtractDeps;
  readonly recorder: ExtractRecorder;
  readonly stop: StopSignal;
}

/**
 * Writes the rows of a table or a query to files: all of them, of one snapshot, or nothing. Never
 * throws: whatever happens is in the report.
 *
 * @param signal interrupts; once all rows are on the disk it is too late, and the files are published
 */
export async function runExtract(
  input: ExtractSpecInput,
  deps: ExtractDeps,
  signal?: AbortSignal,
): Promise<ExtractOutcome> {
  const recorder = new ExtractRecorder(input, deps.database, deps.onProgress);
  using stop = new StopSignal(signal);
  try {
    const spec = parseExtractSpec(input);
    recorder.extractId = deps.extractId ?? randomUUID();
    stop.limit(spec.maxDurationMs);
    const run = { spec, deps, recorder, stop };
    const { to } = spec;
    const report = await (to === 'stdout' ? toStandardOutput(run) : toFiles(run, to));
    return { report, error: undefined };
  } catch (error) {
    const known = stop.reasonBehind(error);
    return { report: recorder.failed(known), error: known };
  }
}

/** Fills in the defaults. @throws CopylineError `CONFIG_INVALID`, naming every fault */
export function parseExtractSpec(input: ExtractSpecInput): ExtractSpec {
  const parsed = extractSpecSchema.safeParse(input);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'the specification'}: ${issue.message}`,
    );
    throw new CopylineError('CONFIG_INVALID', `The extract is not valid: ${faults.join('; ')}`);
  }
  const spec = parsed.data;
  dialectBytes(dialectOf(csvOf(spec)));
  assertFormat(spec);
  if ('table' in spec.from) parseTableName(spec.from.table);
  if (spec.to === 'stdout' && isSplit(spec)) {
    throw new CopylineError('CONFIG_INVALID', 'The standard output cannot be split into files');
  }
  return spec;
}

function assertFormat(spec: ExtractSpec): void {
  const format = formatOf(spec);
  const { compression = 'none' } = spec;
  const fault =
    format === 'parquet' && spec.csv !== undefined
      ? 'A Parquet file has no delimiters, quotes or header'
      : compression !== 'none' && !COMPRESSIONS[format].includes(compression)
        ? `A file in ${format} is compressed with ${COMPRESSIONS[format].join(' or ')}`
        : undefined;
  if (fault !== undefined) throw new CopylineError('CONFIG_INVALID', fault);
}

async function toFiles(run: ExtractRun, to: FilePlace): Promise<ExtractReport> {
  const { spec, deps, recorder, stop } = run;
  await using destination = await openDestination(spec, to, deps.extractId);
  await sweep(destination, recorder);
  const published = await findManifest(destination, deps.extractId);
  if (published !== undefined)
    return recorder.publishedBefore(manifestNameOf(destination, to), published);
  await destination.assertFree();
  const parts: PartFile[] = [];
  const output = new Output({
    ...outputOptions(spec),
    open: async (ordinal) => {
      const name = isSplit(spec) ? splitName(destination.name, ordinal) : destination.name;
      const target = await destination.create(name, stop.stop);
      parts.push(target);
      return { name, target };
    },
  });
  const plan = await fill(output, run);
  recorder.enter('publish');
  const manifest = await destination.create(manifestName(destination.name));
  const { files } = output;
  const totals = { rows: sum(files, 'rows'), bytes: sum(files, 'bytes') };
  const extractId = recorder.extractId ?? '';
  await manifest.write(formatManifest({ ...plan.description, extractId, ...totals, files }));
  await manifest.finish();
  await deps.beforePublish?.();
  stop.throwIfStopped();
  await destination.publish(parts, manifest);
  return recorder.extracted({ manifest: manifestNameOf(destination, to), files });
}

/**
 * The report of the extract that was published under an id. What runs under that id have left
 * unfinished is removed, so that none of them can be published any more.
 *
 * @throws CopylineError `SINK_…` when the place cannot be looked at
 */
export async function findPublished(
  input: ExtractSpecInput,
  { extractId, database }: { readonly extractId: string; readonly database: string },
): Promise<ExtractReport | undefined> {
  const spec = parseExtractSpec(input);
  if (spec.to === 'stdout') return undefined;
  await using destination = await openDestination(spec, spec.to, extractId);
  await destination.removeLeftovers();
  const published = await findManifest(destination, extractId);
  if (published === undefined) return undefined;
  const recorder = new ExtractRecorder(input, database, undefined);
  recorder.extractId = extractId;
  return recorder.publishedBefore(manifestNameOf(destination, spec.to), published);
}

type FilePlace = Exclude<ExtractSpec['to'], 'stdout'>;

function openDestination(
  spec: ExtractSpec,
  { path, within }: FilePlace,
  owner: string | undefined,
): Promise<Destination> {
  const { overwrite } = spec;
  return Destination.open(path, { overwrite, isSplit: isSplit(spec), within, owner });
}

/** As reports call it: beside the file, under whose name it was asked for. */
function manifestNameOf({ manifestPath }: Destination, { name }: FilePlace): string {
  return name === undefined ? manifestPath : manifestName(name);
}

async function findManifest(
  { manifestPath }: Destination,
  extractId: string | undefined,
): Promise<Manifest | undefined> {
  if (extractId === undefined) return undefined;
  try {
    const manifest = await readManifest(manifestPath);
    return manifest.extractId === extractId ? manifest : undefined;
  } catch (error) {
    if (!(error instanceof CopylineError)) throw error;
    // There is none, or something else has its name.
    if (error.code === 'MANIFEST_INVALID') return undefined;
    throw sinkError('Reading the manifest', error.cause);
  }
}

async function toStandardOutput(run: ExtractRun): Promise<ExtractReport> {
  const target = new StandardOutput(run.deps.output ?? process.stdout, run.stop.stop);
  try {
    const open: OutputOptions['open'] = () => Promise.resolve({ name: 'stdout', target });
    const output = new Output({ ...outputOptions(run.spec), open });
    await fill(output, run);
    return run.recorder.extracted({ manifest: null, files: output.files });
  } finally {
    await target.discard();
  }
}

function outputOptions(spec: ExtractSpec): Omit<OutputOptions, 'open'> {
  const { rowsPerFile: rows, bytesPerFile: bytes } = spec;
  return { split: isSplit(spec) ? { rows, bytes } : undefined };
}

function isSplit({ rowsPerFile, bytesPerFile }: ExtractSpec): boolean {
  return rowsPerFile !== undefined || bytesPerFile !== undefined;
}

async function sweep(destination: Destination, recorder: ExtractRecorder): Promise<void> {
  const { removed, alive } = await destination.removeLeftovers();
  if (removed > 0) {
    const message = `Removed ${String(removed)} unfinished files of extracts that were killed`;
    recorder.warn({ code: 'LEFTOVERS_REMOVED', message });
  }
  if (alive > 0) {
    const message = `${String(alive)} unfinished files belong to extracts that may be running`;
    recorder.warn({ code: 'LEFTOVERS_KEPT', message });
  }
}

/** Reads the rows into an output, which holds all of them, durably, when this returns. */
async function fill(
  output: Output,
  { spec, deps, recorder, stop }: ExtractRun,
): Promise<ExtractPlan> {
  const { connection: given } = deps;
  try {
    recorder.enter('connect');
    stop.throwIfStopped();
    const connection = typeof given === 'function' ? await given(stop.signal) : given;
    let read: Awaited<ReturnType<typeof readRows>>;
    try {
      read = await readRows(spec, { connection, output, recorder, stop });
    } finally {
      // The server is done with: what is left to do must not keep its session.
      if (typeof given === 'function') await connection.close();
    }
    stop.endLimit();
    await untilAborted(output.finish(read.rows), stop.signal);
    return read.plan;
  } catch (error) {
    output.discard();
    throw error;
  }
}
