import { define } from './error-definition.ts';

/** Of submitted loads and extracts. */
export const SERVICE_ERRORS = define({
  REQUEST_INVALID: {
    retry: 'never',
    meaning: 'The request is not valid.',
    advice: 'Correct the fields named; all faults are listed at once.',
  },
  REQUEST_TOO_LARGE: {
    retry: 'never',
    meaning: 'The body of the request is larger than any submission needs to be.',
    advice: 'Send the description of the load; its data is read from the source.',
  },
  NOT_FOUND: {
    retry: 'never',
    meaning: 'There is nothing at this address.',
    advice: 'See the description of the API at /api/v1/openapi.json.',
  },
  UNAUTHENTICATED: {
    retry: 'never',
    meaning: 'The request has no access token, or a wrong one.',
    advice:
      'Send `Authorization: Bearer <token>`; the first start has written the token to a file that only its owner can read.',
  },
  CONNECTION_UNKNOWN: {
    retry: 'never',
    meaning: 'The load or extract names a connection that is not configured.',
    advice: 'Name a connection of copyline.yaml; a conninfo is never accepted here.',
  },
  SOURCE_FORBIDDEN: {
    retry: 'never',
    meaning: 'The source is not below a configured root.',
    advice: 'Write root:path with a root of copyline.yaml; links may not lead out of it.',
  },
  SOURCE_NOT_VISIBLE: {
    retry: 'never',
    meaning: 'The worker that ran the load cannot see the root of the source.',
    advice: 'Mount the folder on every worker, or configure the root there.',
  },
  SINK_FORBIDDEN: {
    retry: 'never',
    meaning: 'The sink is not below a root that may be written to.',
    advice:
      'Write root:path with a root of `sinks` in copyline.yaml; links may not lead out of it.',
  },
  SINK_NOT_VISIBLE: {
    retry: 'never',
    meaning: 'The worker that ran the extract cannot see the root of the sink.',
    advice: 'Mount the folder on every worker, or configure the root there.',
  },
  IDEMPOTENCY_CONFLICT: {
    retry: 'never',
    meaning: 'The Idempotency-Key was used before for another load or extract.',
    advice: 'Use a new key for new work.',
  },
  JOB_NOT_FOUND: {
    retry: 'never',
    meaning: 'There is no job of that id.',
    advice: 'List the jobs with `copyline jobs`.',
  },
  JOB_FINISHED: {
    retry: 'never',
    meaning: 'The job has ended already and cannot be cancelled.',
    advice: 'Look at its outcome with `copyline jobs <id>`.',
  },
  JOB_CANCELLED: {
    retry: 'never',
    meaning: 'The job was cancelled; nothing is loaded, and nothing published.',
    advice: 'Submit it again if it was a mistake.',
  },
  SCHEDULE_NOT_FOUND: {
    retry: 'never',
    meaning: 'There is no schedule of that name.',
    advice: 'List the schedules with GET /api/v1/schedules.',
  },
  QUEUE_UNAVAILABLE: {
    retry: 'retry',
    meaning: 'The queue cannot be reached or does not accept jobs; nothing was submitted.',
    advice: 'Try again; with an Idempotency-Key a repetition is never a second load.',
  },
  QUEUE_UNSAFE: {
    retry: 'never',
    meaning: 'The Redis server may throw jobs away when its memory is full.',
    advice: 'Set `maxmemory-policy noeviction` on it.',
  },
  WORKER_LOST: {
    retry: 'never',
    meaning: 'The workers that ran the job died again and again, for example for lack of memory.',
    advice: 'Look into the log of the worker; do the same by hand to see what happens.',
  },
  CONTROL_UNAVAILABLE: {
    retry: 'retry',
    meaning: 'The control database cannot be used.',
    advice: 'Check that its server runs and that the role may create a schema there.',
  },
  CONTROL_NEWER: {
    retry: 'never',
    meaning: 'The control database was made by a newer Copyline.',
    advice: 'Upgrade this Copyline.',
  },
  SERVICE_UNREACHABLE: {
    retry: 'retry',
    meaning: 'The scheduler does not answer.',
    advice: 'Start it with `copyline up`, or set COPYLINE_SERVER to its address.',
  },
  PORT_IN_USE: {
    retry: 'never',
    meaning: 'The port that is to be listened on is taken.',
    advice: 'Stop the program that uses it, or choose another port.',
  },
  SERVICE_FAILED: {
    retry: 'never',
    meaning: 'The scheduler or the worker did not start, or ended by itself.',
    advice: 'Read what it has printed; no load is lost.',
  },
});
