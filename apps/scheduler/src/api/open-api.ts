import {
  extractRequestSchema,
  jobListSchema,
  jobSchema,
  loadRequestSchema,
  occurrenceSchema,
  problemSchema,
  scheduleSchema,
  scheduleSpecSchema,
  serviceStatusSchema,
} from '@copyline/contracts';
import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiResponseObject,
} from 'zod-openapi';

import { jobQuerySchema, jobsQuerySchema } from './jobs.controller.ts';
import { occurrencesQuerySchema } from './schedules.controller.ts';
import { signInSchema } from './session.controller.ts';

type Responses = ZodOpenApiOperationObject['responses'];

const body = (schema: z.ZodType): { content: { 'application/json': { schema: z.ZodType } } } => ({
  content: { 'application/json': { schema } },
});

const answer = (description: string, schema?: z.ZodType): ZodOpenApiResponseObject =>
  schema === undefined ? { description } : { description, ...body(schema) };

/** Every operation may be refused; which codes there are stands in the schema of `Problem`. */
const refusals = (...statuses: number[]): Responses =>
  Object.fromEntries(
    [401, ...statuses].map((status) => [
      String(status),
      {
        description: REFUSALS[status] ?? 'Refused',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );

const REFUSALS: Record<number, string> = {
  401: 'No access token, or a wrong one',
  403: 'The source or sink is not below a configured root',
  404: 'There is no such thing',
  409: 'It is not in a state for this; or the key belongs to other work',
  413: 'The body is too large',
  422: 'Fields are wrong; all of them are listed',
  503: 'The queue or the control database cannot be reached; nothing was accepted',
};

const jobId = z.strictObject({ id: z.uuid() });
const scheduleName = z.strictObject({ name: z.string() });
const schedules = { tags: ['Schedules'], requestParams: { path: scheduleName } };

/** The operation that submits work of one type. */
function submission(
  type: 'load' | 'extract',
  schema: z.ZodType,
): { post: ZodOpenApiOperationObject } {
  return {
    post: {
      summary: `Submit ${type === 'load' ? 'a load' : 'an extract'}`,
      tags: [type === 'load' ? 'Loads' : 'Extracts'],
      requestParams: {
        header: z.object({
          'Idempotency-Key': z
            .string()
            .max(255)
            .optional()
            .meta({ description: `The same key with the same ${type} is the same job` }),
        }),
      },
      requestBody: body(schema),
      responses: {
        '202': answer('Accepted; see the job', jobSchema),
        '200': answer('Accepted before, under the same key', jobSchema),
        ...refusals(403, 409, 413, 422, 503),
      },
    },
  };
}

/** Description of the HTTP API, made of the schemas that requests are checked with. */
export function openApiDocument(version: string): ReturnType<typeof createDocument> {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Copyline scheduler',
      version,
      description:
        'Submits loads and extracts, shows what becomes of them, and keeps schedules. Sources, sinks and connections are names that the operator has configured.',
    },
    security: [{ token: [] }, { session: [] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'copyline_session' },
      },
      schemas: {
        ExtractRequest: extractRequestSchema,
        Job: jobSchema,
        JobList: jobListSchema,
        LoadRequest: loadRequestSchema,
        Occurrence: occurrenceSchema,
        Problem: problemSchema,
        Schedule: scheduleSchema,
        ScheduleSpec: scheduleSpecSchema,
        ServiceStatus: serviceStatusSchema,
      },
    },
    paths: {
      '/api/v1/loads': submission('load', loadRequestSchema),
      '/api/v1/extracts': submission('extract', extractRequestSchema),
      '/api/v1/jobs': {
        get: {
          summary: 'List jobs, the newest first',
          tags: ['Jobs'],
          requestParams: { query: jobsQuerySchema },
          responses: { '200': answer('A page of jobs', jobListSchema), ...refusals(422) },
        },
      },
      '/api/v1/jobs/{id}': {
        get: {
          summary: 'One job; waits for its end if told to',
          tags: ['Jobs'],
          requestParams: { path: jobId, query: jobQuerySchema },
          responses: { '200': answer('The job', jobSchema), ...refusals(404, 422) },
        },
        delete: {
          summary: 'Cancel a job',
          description:
            'A job that nobody runs is cancelled at once, or as soon as a worker has made sure that no lost run of it was committed or can be. A running one is interrupted and rolled back, unless COMMIT has been sent, or the files are being published: then it ends as done.',
          tags: ['Jobs'],
          requestParams: { path: jobId },
          responses: { '202': answer('The job as it is now', jobSchema), ...refusals(404, 409) },
        },
      },
      '/api/v1/schedules': {
        get: {
          summary: 'List schedules',
          tags: ['Schedules'],
          responses: {
            '200': answer('All', z.strictObject({ schedules: z.array(scheduleSchema) })),
            ...refusals(),
          },
        },
      },
      '/api/v1/schedules/{name}': {
        get: {
          summary: 'One schedule',
          ...schedules,
          responses: { '200': answer('The schedule', scheduleSchema), ...refusals(404) },
        },
        put: {
          summary: 'Create or replace a schedule',
          ...schedules,
          requestBody: body(scheduleSpecSchema),
          responses: {
            '201': answer('Created', scheduleSchema),
            '200': answer('Replaced', scheduleSchema),
            ...refusals(403, 413, 422),
          },
        },
        delete: {
          summary: 'Delete a schedule; its jobs stay',
          ...schedules,
          responses: { '204': answer('Deleted'), ...refusals(404) },
        },
      },
      '/api/v1/schedules/{name}/occurrences': {
        get: {
          summary: 'When a schedule was due, and what came of it',
          ...schedules,
          requestParams: { path: scheduleName, query: occurrencesQuerySchema },
          responses: {
            '200': answer(
              'The newest first',
              z.strictObject({ occurrences: z.array(occurrenceSchema) }),
            ),
            ...refusals(404, 422),
          },
        },
      },
      '/api/v1/schedules/{name}/pause': {
        post: {
          summary: 'Pause a schedule',
          ...schedules,
          responses: { '200': answer('The schedule', scheduleSchema), ...refusals(404) },
        },
      },
      '/api/v1/schedules/{name}/resume': {
        post: {
          summary: 'Resume a schedule; what it missed meanwhile is not made up for',
          ...schedules,
          responses: { '200': answer('The schedule', scheduleSchema), ...refusals(404) },
        },
      },
      '/api/v1/schedules/{name}/run': {
        post: {
          summary: 'Let a schedule happen now',
          ...schedules,
          responses: {
            '202': answer(
              'The occurrence, with its job unless it was skipped',
              z.strictObject({ occurrence: occurrenceSchema, job: jobSchema.nullable() }),
            ),
            ...refusals(404),
          },
        },
      },
      '/api/v1/status': {
        get: {
          summary: 'What runs, and what a load or an extract may name',
          tags: ['Service'],
          responses: { '200': answer('The service', serviceStatusSchema), ...refusals() },
        },
      },
      '/api/v1/events': {
        get: {
          summary: 'Changes of jobs as server-sent events',
          description:
            'Events `jobs` with `{"jobs": [Job]}`, first the newest ones, then each change; events `status` with a ServiceStatus.',
          tags: ['Service'],
          responses: {
            '200': {
              description: 'A stream without an end',
              content: { 'text/event-stream': { schema: z.string() } },
            },
            ...refusals(),
          },
        },
      },
      '/api/v1/session': {
        get: {
          summary: 'Whether this browser is signed in',
          tags: ['Session'],
          responses: {
            '200': answer('It is', z.strictObject({ signedIn: z.literal(true) })),
            ...refusals(),
          },
        },
        post: {
          summary: 'Sign in with a token; sets a cookie',
          tags: ['Session'],
          security: [],
          requestBody: body(signInSchema),
          responses: { '204': answer('Signed in'), ...refusals(422) },
        },
        delete: {
          summary: 'Sign out',
          tags: ['Session'],
          responses: { '204': answer('Signed out'), ...refusals() },
        },
      },
      '/api/v1/openapi.json': {
        get: {
          summary: 'This description',
          tags: ['Service'],
          responses: { '200': answer('OpenAPI 3.1', z.looseObject({})), ...refusals() },
        },
      },
      ...Object.fromEntries(
        [
          ['/healthz', 'Whether the process answers'] as const,
          ['/readyz', 'Whether requests can be served'] as const,
        ].map(([path, summary]) => [
          path,
          {
            get: {
              summary,
              tags: ['Service'],
              security: [],
              responses: { '200': answer('It does') },
            },
          },
        ]),
      ),
    },
  });
}
