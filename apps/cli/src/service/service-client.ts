import {
  CopylineError,
  jobListSchema,
  jobSchema,
  problemSchema,
  type ErrorCode,
  type Job,
  type JobList,
  type JobState,
  type Work,
} from '@copyline/contracts';
import type { Secret } from '@copyline/dws-client';

/** Longer than any answer of a healthy scheduler takes that need not wait. */
const TIMEOUT_MS = 10_000;

/** What a schema does here, without its whole type. */
interface Schema<T> {
  safeParse(value: unknown): { readonly success: boolean; readonly data?: T };
}

interface ServiceRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** What to do when the request may have arrived but has no answer. */
  readonly adviceUnanswered?: string;
}

export interface ServiceOptions {
  /** Without a slash at the end. */
  readonly server: string;
  readonly token: Secret | undefined;
  /** Where a missing or wrong token was looked for, for people. */
  readonly tokenOrigin: string;
}

/**
 * The HTTP API of a scheduler. Every method throws a CopylineError: `SERVICE_UNREACHABLE` when nobody
 * answers, or somebody else does; `UNAUTHENTICATED`; the reason of the signal; else what the
 * scheduler says.
 */
export class ServiceClient {
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  get server(): string {
    return this.#options.server;
  }

  /** The same key with the same work is the same job, however often it is sent. */
  async submit(
    work: Work,
    idempotencyKey: string,
  ): Promise<{ readonly job: Job; readonly isNew: boolean }> {
    const { value, status } = await this.#request(jobSchema, {
      method: 'POST',
      path: `/${work.type}s`,
      body: work.type === 'load' ? work.load : work.extract,
      headers: { 'idempotency-key': idempotencyKey },
      adviceUnanswered: `It may have arrived. Submit it again with --idempotency-key ${idempotencyKey}: that is never a second job.`,
    });
    return { job: value, isNew: status !== 200 };
  }

  /** One page of the jobs, the newest first. */
  async listJobs(query: {
    readonly state?: JobState | undefined;
    readonly limit: number;
    readonly before?: string | undefined;
  }): Promise<JobList> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) parameters.set(name, String(value));
    }
    const path = `/jobs?${parameters.toString()}`;
    return (await this.#request(jobListSchema, { path })).value;
  }

  /** @param waitSeconds answers when the job has ended, or after so many seconds */
  async getJob(
    id: string,
    { waitSeconds = 0, signal }: { waitSeconds?: number; signal?: AbortSignal } = {},
  ): Promise<Job> {
    const wait = waitSeconds > 0 ? `?waitSeconds=${String(waitSeconds)}` : '';
    const { value } = await this.#request(jobSchema, {
      path: `/jobs/${encodeURIComponent(id)}${wait}`,
      timeoutMs: TIMEOUT_MS + waitSeconds * 1000,
      signal,
    });
    return value;
  }

  async cancelJob(id: string): Promise<Job> {
    const path = `/jobs/${encodeURIComponent(id)}`;
    return (await this.#request(jobSchema, { method: 'DELETE', path })).value;
  }

  async #request<T>(
    schema: Schema<T>,
    request: ServiceRequest,
  ): Promise<{ readonly value: T; readonly status: number }> {
    const { response, text } = await this.#send(request);
    const value = parseJson(text);
    if (!response.ok) throw this.#refusal(response.status, value);
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      throw this.#unreachable(
        'What answers is no scheduler of Copyline, or one of another version',
        'Check the address in COPYLINE_SERVER, and that both are of the same version.',
      );
    }
    return { value: parsed.data as T, status: response.status };
  }

  async #send(request: ServiceRequest): Promise<{ response: Response; text: string }> {
    const { method = 'GET', path, body, headers, timeoutMs = TIMEOUT_MS, signal } = request;
    const { server, token } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(`${server}/api/v1${path}`, {
        method,
        headers: {
          accept: 'application/json, application/problem+json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A token goes to the address that was configured and to no other.
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      return { response, text: await response.text() };
    } catch (cause) {
      signal?.throwIfAborted();
      const code = errnoOf(cause);
      const seconds = String(timeoutMs / 1000);
      const why = timeout.aborted
        ? `The scheduler has not answered within ${seconds} s`
        : `The scheduler cannot be reached${code === undefined ? '' : ` (${code})`}`;
      throw this.#unreachable(
        why,
        hasNotArrived(code) ? undefined : request.adviceUnanswered,
        cause,
      );
    }
  }

  #refusal(status: number, value: unknown): CopylineError {
    const problem = problemSchema.safeParse(value).data;
    if (problem === undefined && status !== 401) {
      return this.#unreachable(
        `What answers is no scheduler of Copyline: it says HTTP ${String(status)}`,
      );
    }
    if (status === 401) return this.#unauthenticated();
    // A refusal without a problem is handled above.
    const { code, detail, advice, errors = [] } = problem as NonNullable<typeof problem>;
    const faults = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
    const text = faults === '' || detail.includes(faults) ? detail : `${detail}: ${faults}`;
    return new CopylineError(code satisfies ErrorCode, text, { advice });
  }

  #unauthenticated(): CopylineError {
    const { token, tokenOrigin, server } = this.#options;
    return new CopylineError(
      'UNAUTHENTICATED',
      token === undefined
        ? `The scheduler at ${server} asks for an access token, and there is none in ${tokenOrigin}`
        : `The scheduler at ${server} does not accept the access token from ${tokenOrigin}`,
      {
        advice:
          'Set COPYLINE_TOKEN or COPYLINE_TOKEN_FILE, or run this where the scheduler was started.',
      },
    );
  }

  #unreachable(why: string, advice?: string, cause?: unknown): CopylineError {
    return new CopylineError('SERVICE_UNREACHABLE', `${why}: ${this.#options.server}`, {
      cause,
      ...(advice === undefined ? {} : { advice }),
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `fetch` hides the reason one level down. */
function errnoOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Nobody was there to take the request. */
function hasNotArrived(code: string | undefined): boolean {
  return ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'].includes(
    code ?? '',
  );
}
