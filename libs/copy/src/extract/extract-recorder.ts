import {
  reportError,
  type CopylineError,
  type ExtractedFile,
  type ExtractReport,
  type ExtractSpecInput,
  type Manifest,
  type Warning,
} from '@copyline/contracts';

export type ExtractPhase = 'connect' | 'inspect' | 'copy' | 'publish';

/** How far an extract has come. Nobody knows beforehand how much there is. */
export interface ExtractProgress {
  readonly phase: ExtractPhase;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** What has been published. */
export interface Extracted {
  readonly manifest: string | null;
  readonly files: readonly ExtractedFile[];
}

/** Follows one extract from its start to its report. */
export class ExtractRecorder {
  extractId: string | null = null;
  /** `schema.table`, once it is known. */
  table: string | null = null;
  readonly #warnings: Warning[] = [];
  readonly #database: string;
  readonly #to: string | null;
  readonly #onProgress: ((progress: ExtractProgress) => void) | undefined;
  readonly #startedAt = performance.now();
  readonly #phases = new Map<ExtractPhase, number>();
  #phase: ExtractPhase = 'connect';
  #phaseStartedAt = this.#startedAt;
  #rowsRead = 0;
  #bytesRead = 0;

  constructor(
    input: ExtractSpecInput,
    database: string,
    onProgress: ((progress: ExtractProgress) => void) | undefined,
  ) {
    // The input may be anything as long as it has not been checked.
    const { from, to } = input as { from?: { table?: unknown }; to?: unknown };
    this.table = typeof from?.table === 'string' ? from.table : null;
    this.#to = nameOf(to);
    this.#database = database;
    this.#onProgress = onProgress;
  }

  enter(phase: ExtractPhase): void {
    this.#endPhase();
    this.#phase = phase;
    this.progress(this.#rowsRead, this.#bytesRead);
  }

  progress(rowsRead: number, bytesRead: number): void {
    this.#rowsRead = rowsRead;
    this.#bytesRead = bytesRead;
    this.#onProgress?.({ phase: this.#phase, rowsRead, bytesRead });
  }

  warn(...warnings: readonly Warning[]): void {
    this.#warnings.push(...warnings);
  }

  extracted({ manifest, files }: Extracted): ExtractReport {
    return this.#report('extracted', manifest, files, undefined);
  }

  /** An earlier run of the same extract has done the work. */
  publishedBefore(manifest: string, { source, files }: Manifest): ExtractReport {
    this.table = source.table;
    const message = 'An earlier run had published the files; nothing was extracted again';
    this.warn({ code: 'PUBLISHED_BEFORE', message });
    return this.extracted({ manifest, files });
  }

  failed(error: CopylineError): ExtractReport {
    const status = error.code === 'INTERRUPTED' ? 'interrupted' : 'failed';
    return this.#report(status, null, [], error);
  }

  #report(
    status: ExtractReport['status'],
    manifest: string | null,
    files: readonly ExtractedFile[],
    error: CopylineError | undefined,
  ): ExtractReport {
    this.#endPhase();
    return {
      extractId: this.extractId,
      status,
      source: { database: this.#database, table: this.table },
      to: this.#to,
      manifest,
      files: [...files],
      rowsExtracted: sum(files, 'rows'),
      bytesWritten: sum(files, 'bytes'),
      rowsRead: this.#rowsRead,
      bytesRead: this.#bytesRead,
      durationMs: Math.round(performance.now() - this.#startedAt),
      phases: Object.fromEntries([...this.#phases].map(([name, ms]) => [name, Math.round(ms)])),
      warnings: [...this.#warnings],
      error: error === undefined ? null : reportError(error),
    };
  }

  #endPhase(): void {
    const now = performance.now();
    const before = this.#phases.get(this.#phase) ?? 0;
    this.#phases.set(this.#phase, before + now - this.#phaseStartedAt);
    this.#phaseStartedAt = now;
  }
}

/** What reports call the place that the input names. */
function nameOf(to: unknown): string | null {
  const place: { path?: unknown; name?: unknown } =
    typeof to === 'object' && to !== null ? to : { path: to };
  const name = place.name ?? place.path;
  return typeof name === 'string' ? name : null;
}

export function sum(files: readonly ExtractedFile[], key: 'rows' | 'bytes'): number {
  return files.reduce((total, file) => total + file[key], 0);
}
