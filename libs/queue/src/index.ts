// What travels through the queue
export { JOB_TYPES, QUEUE_NAME } from './job-types.ts';
export type { JobDelivery, JobHandlers, JobPayload, JobResult, JobType } from './job-types.ts';

// Control database and queue together
export { openService } from './open-service.ts';
export type { Service, ServiceOptions } from './open-service.ts';

// The queue itself: Redis or PostgreSQL
export { openQueueBackend } from './backend/open-queue-backend.ts';
export type { QueueSetting } from './backend/open-queue-backend.ts';
export type { QueueBackend } from './backend/backend.ts';
export { JobQueue } from './job-queue.ts';
export type { QueueState } from './job-queue.ts';
export { JobWorker, RunFailed, RunLater } from './job-worker.ts';
export type { JobWorkerOptions } from './job-worker.ts';

// The control database: what was asked for, and what has become of it
export { ControlDatabase } from './control/control-database.ts';
export type { ControlOptions } from './control/control-database.ts';
export { Submissions } from './control/submissions.ts';
export type { RunAgain, RunEnd, StartedRun, SubmitOptions } from './control/submissions.ts';
export { Schedules } from './control/schedules.ts';
export { Access } from './control/access.ts';
export { Workers, type RegisteredWorker } from './control/workers.ts';

export { withoutRepeats } from './without-repeats.ts';

// Submitting, running, putting right
export { submitWork } from './submit.ts';
export { SubmissionRunner } from './run/run-submission.ts';
export type { ExtractRunner, LoadRunner, SubmissionRunnerOptions } from './run/run-submission.ts';
export { workOf } from './schedule/occurrence-work.ts';
export { createLedgerLookup } from './run/ledger-lookup.ts';
export type { LedgerLookup } from './run/ledger-lookup.ts';
export { enqueueSubmission, Reconciler } from './reconciler.ts';
export type { Reconciliation, ReconcilerOptions } from './reconciler.ts';
