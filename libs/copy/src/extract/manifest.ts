import {
  CopylineError,
  manifestSchema,
  reportError,
  type ExtractedFile,
  type Manifest,
  type VerifyReport,
} from '@copyline/contracts';
import { throwIfAborted } from '@copyline/dws-client';
import { dirname, join } from 'node:path';

import { digestFile } from '../source/content-digest.ts';
import { LocalFile } from '../source/local-file.ts';

/** Far above any manifest: a hundred thousand files have some 15 MB. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

export function formatManifest(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`);
}

/** @throws CopylineError `MANIFEST_INVALID`; `SOURCE_UNREADABLE` for what may be one */
export async function readManifest(path: string): Promise<Manifest> {
  let text: string;
  try {
    await using file = await LocalFile.open({ path });
    if (file.version.bytes > MAX_MANIFEST_BYTES) throw new Error('too large for a manifest');
    const bytes = Buffer.alloc(file.version.bytes);
    text = bytes.toString('utf8', 0, await file.read(bytes, 0, bytes.length, 0));
  } catch (cause) {
    if (cause instanceof CopylineError && cause.code === 'SOURCE_UNREADABLE') throw cause;
    throw invalid(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'it is not JSON', cause);
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.join('.') ?? '';
  throw invalid(path, `${place === '' ? 'its form' : place}: ${issue?.message ?? ''}`, undefined);
}

/** What was found, and the error that says so. */
export interface VerifyOutcome {
  readonly report: VerifyReport;
  readonly error: CopylineError | undefined;
}

/**
 * Reads every file of an extract and compares it with the manifest: is it there, whole, unchanged?
 * Never throws, but for the reason of the signal.
 */
export async function verifyExtract(path: string, signal?: AbortSignal): Promise<VerifyOutcome> {
  const faults: { file: string; message: string }[] = [];
  let manifest: Manifest;
  try {
    manifest = await readManifest(path);
  } catch (error) {
    if (!(error instanceof CopylineError)) throw error;
    return outcome(path, undefined, faults, error);
  }
  for (const file of manifest.files) {
    throwIfAborted(signal);
    const fault = await faultOf(join(dirname(path), file.name), file, manifest.format, signal);
    if (fault !== undefined) faults.push({ file: file.name, message: fault });
  }
  const [first] = faults;
  const error =
    first === undefined
      ? undefined
      : new CopylineError(
          'MANIFEST_MISMATCH',
          `${String(faults.length)} of ${String(manifest.files.length)} files are not as written; ${first.file}: ${first.message}`,
          { source: path },
        );
  return outcome(path, manifest, faults, error);
}

async function faultOf(
  path: string,
  expected: ExtractedFile,
  format: Manifest['format'],
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    await using file = await LocalFile.open({ path, name: expected.name });
    const { bytes } = file.version;
    if (bytes !== expected.bytes) {
      return `it has ${String(bytes)} bytes, not ${String(expected.bytes)}`;
    }
    const digest = await digestFile(file, () => undefined, signal);
    if (digest !== expected.digest) return 'its content is another';
    if (format === 'csv') return undefined;
    const { footerRows } = await import('./parquet/index.ts');
    const rows = await footerRows(file);
    return rows === expected.rows
      ? undefined
      : `it has ${String(rows)} rows, not ${String(expected.rows)}`;
  } catch (error) {
    if (error instanceof CopylineError && error.code.startsWith('SOURCE_')) return error.message;
    throw error;
  }
}

function outcome(
  path: string,
  manifest: Manifest | undefined,
  faults: VerifyReport['faults'],
  error: CopylineError | undefined,
): VerifyOutcome {
  return {
    report: {
      status: error === undefined ? 'verified' : 'failed',
      manifest: path,
      files: manifest?.files.length ?? 0,
      rows: manifest?.rows ?? 0,
      bytes: manifest?.bytes ?? 0,
      faults,
      error: error === undefined ? null : reportError(error),
    },
    error,
  };
}

function invalid(path: string, reason: string, cause: unknown): CopylineError {
  return new CopylineError('MANIFEST_INVALID', `This is no manifest: ${reason}`, {
    ...{ cause, source: path },
  });
}
