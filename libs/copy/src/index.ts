// Loading
export { parseSpec, runLoad } from './run-load.ts';
export type { LoadDeps, LoadOutcome } from './run-load.ts';
export { planLoad } from './plan/plan-load.ts';
export type { LoadPlan } from './plan/plan-load.ts';
export type { LoadFacts } from './plan/facts.ts';
export type { LoadPhase, LoadProgress } from './load-progress.ts';
export type { BusyPolicy } from './wait-for-claim.ts';

// Validating
export { validateLoad } from './validate-load.ts';
export type { ValidateDeps, ValidateOutcome } from './validate-load.ts';

// Rejects
export { replayRejects } from './rejects/replay-rejects.ts';
export { reasonsPath, writeRejectFiles } from './rejects/reject-files.ts';
export { pruneRejects, readRejects, readRejectSet } from './rejects/reject-table.ts';
export type { RejectSet } from './rejects/reject-table.ts';
export { rejectReport } from './rejects/reject.ts';
export type { Reject } from './rejects/reject.ts';

// Describing
export { describeTable } from './describe-table.ts';
export type { TableDescription } from './describe-table.ts';
export type { Evidence } from './csv/infer-types.ts';
export type { ColumnType } from './csv/column-types.ts';

// Extracting
export { findPublished, parseExtractSpec, runExtract } from './extract/run-extract.ts';
export type { ExtractDeps, ExtractOutcome } from './extract/run-extract.ts';
export type { ExtractPhase, ExtractProgress } from './extract/extract-recorder.ts';
export { readManifest, verifyExtract } from './extract/manifest.ts';
export type { VerifyOutcome } from './extract/manifest.ts';
export { loadManifest } from './extract/load-manifest.ts';
export type { ManifestLoadInput } from './extract/load-manifest.ts';

// Several files
export { loadFiles } from './files/load-files.ts';
export type { FilesLoadInput } from './files/load-files.ts';
export type { Parallel, SeveralOptions } from './files/load-each.ts';
export { meansSeveral } from './files/find-files.ts';

// The ledger
export { findRuns, readHistory } from './ledger/history.ts';
export type { HistoryEntry } from './ledger/history.ts';
export { closeRuns, findCommitted } from './ledger/owner-runs.ts';
export { ledgerScript } from './ledger/migrations.ts';
export { ledgerExists, openLedger } from './ledger/open-ledger.ts';

// Safe text for terminals and logs
export { escapeControls } from './csv/excerpt.ts';
