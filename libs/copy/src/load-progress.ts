import {
  reportError,
  type CopylineError,
  type LoadReport,
  type LoadSpecInput,
  type RejectReport,
  type Warning,
} from '@copyline/contracts';

import type { LoadPlan } from './plan/plan-load.ts';

export type LoadPhase =
  'connect' | 'inspect' | 'infer types' | 'hash' | 'wait' | 'copy' | 'commit' | 'settle';

/** How far a load has come, for people and dashboards. */
export interface LoadProgress {
  readonly phase: LoadPhase;
  /** Bytes of the source that the phase is done with. */
  readonly bytesRead: number;
  readonly bytesTotal: number;
  readonly rowsParsed: number;
  /** COMMIT has been sent: whoever leaves now leaves the outcome unknown. */
  readonly isCommitting: boolean;
}

/** What was loaded and counted; part of the report. */
export interface LoadCounts {
  readonly rowsParsed: number;
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
  readonly rowsSuppressed: number;
  /** Rows that were sent in COPY's binary form, and as text. */
  readonly rowsBinary: number;
  readonly rowsText: number;
  readonly bytesRead: number;
  readonly digest: string | undefined;
}

const NOTHING: LoadCounts = {
  rowsParsed: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  rowsSuppressed: 0,
  rowsBinary: 0,
  rowsText: 0,
  bytesRead: 0,
  digest: undefined,
};

/** Follows one load from its start to its report: phases with their times, progress, warnings. */
export class LoadRecorder {
  readonly warnings: Warning[] = [];
  /** The first rejects of the current attempt. */
  rejects: readonly RejectReport[] = [];
  attempts = 0;
  /** Of the current attempt; empty before it has a plan. */
  loadId = '';
  #plan: LoadPlan | undefined;
  readonly #source: string;
  readonly #database: string;
  readonly #into: string;
  readonly #onProgress: ((progress: LoadProgress) => void) | undefined;
  readonly #startedAt = performance.now();
  readonly #phases = new Map<LoadPhase, number>();
  #phase: LoadPhase = 'connect';
  #phaseStartedAt = this.#startedAt;
  #bytesTotal = 0;

  constructor(
    input: LoadSpecInput,
    database: string,
    onProgress: ((progress: LoadProgress) => void) | undefined,
  ) {
    // The input may be anything as long as it has not been checked.
    const { source, into } = input as {
      source?: { path?: unknown; name?: unknown };
      into?: unknown;
    };
    const name = source?.name ?? source?.path;
    this.#source = typeof name === 'string' ? name : '';
    this.#into = typeof into === 'string' ? into : '';
    this.#database = database;
    this.#onProgress = onProgress;
  }

  /** An attempt has its plan. */
  begin(plan: LoadPlan, loadId: string): void {
    this.#plan = plan;
    this.rejects = [];
    this.loadId = loadId;
  }

  enter(phase: LoadPhase, bytesTotal = this.#bytesTotal): void {
    this.#endPhase();
    this.#phase = phase;
    this.#bytesTotal = bytesTotal;
    this.progress(0, 0);
  }

  progress(bytesRead: number, rowsParsed: number): void {
    this.#onProgress?.({
      phase: this.#phase,
      bytesRead,
      bytesTotal: this.#bytesTotal,
      rowsParsed,
      isCommitting: this.#phase === 'commit' || this.#phase === 'settle',
    });
  }

  warn(code: string, message: string): void {
    if (!this.warnings.some((warning) => warning.code === code && warning.message === message)) {
      this.warnings.push({ code, message });
    }
  }

  loaded(counts: LoadCounts): LoadReport {
    return this.#report({ status: 'loaded', counts });
  }

  /** The report of the load that had stored the content, as the answer to this one. */
  deduplicated(original: LoadReport): LoadReport {
    const now = this.#report({ status: 'loaded', counts: NOTHING });
    return {
      ...now,
      loadId: original.loadId,
      files: original.files.map((file) => ({
        ...file,
        source: this.#source,
        deduplicated: true,
      })),
      rowsParsed: original.rowsParsed,
      rowsLoaded: original.rowsLoaded,
      rowsRejected: original.rowsRejected,
      rowsSkipped: original.rowsSkipped,
      rowsSuppressed: original.rowsSuppressed,
      guarantee: original.guarantee,
      lane: original.lane,
      rejects: original.rejects,
      columns: original.columns ?? null,
      deduplicated: true,
    };
  }

  failed(error: CopylineError): LoadReport {
    const status =
      error.code === 'IN_DOUBT'
        ? 'in-doubt'
        : error.code === 'INTERRUPTED'
          ? 'interrupted'
          : 'failed';
    return this.#report({ status, counts: NOTHING, error });
  }

  #report(outcome: {
    readonly status: LoadReport['status'];
    readonly counts: LoadCounts;
    readonly error?: CopylineError;
  }): LoadReport {
    this.#endPhase();
    const { counts, error } = outcome;
    const plan = this.#plan;
    const isLoaded = outcome.status === 'loaded';
    return {
      loadId: this.loadId === '' ? null : this.loadId,
      status: outcome.status,
      guarantee: plan?.guarantee ?? 'exactly-once',
      target: {
        database: this.#database,
        table: plan === undefined ? this.#into : `${plan.target.schema}.${plan.target.name}`,
        created: isLoaded && (plan?.target.created ?? false),
      },
      source: this.#source,
      files: isLoaded
        ? [
            {
              source: this.#source,
              bytes: counts.bytesRead,
              digest: counts.digest ?? null,
              rowsParsed: counts.rowsParsed,
              rowsLoaded: counts.rowsLoaded,
              deduplicated: false,
            },
          ]
        : [],
      rowsParsed: counts.rowsParsed,
      rowsLoaded: counts.rowsLoaded,
      rowsRejected: counts.rowsRejected,
      rowsSkipped: 0,
      rowsSuppressed: counts.rowsSuppressed,
      bytesRead: counts.bytesRead,
      durationMs: Math.round(performance.now() - this.#startedAt),
      phases: Object.fromEntries([...this.#phases].map(([name, ms]) => [name, Math.round(ms)])),
      lane:
        plan === undefined
          ? null
          : {
              name: plan.lane.name,
              reason: plan.lane.reason,
              rowsBinary: counts.rowsBinary,
              rowsText: counts.rowsText,
            },
      columns: plan?.columnsReport ?? null,
      attempts: Math.max(this.attempts, 1),
      deduplicated: false,
      rejects: [...this.rejects],
      warnings: [...(plan?.warnings ?? []), ...this.warnings],
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
