import type { Job, JobList, Problem } from '@copyline/contracts';

const API = new URL('api/v1/', document.baseURI);

/** An answer that is not a success, or none at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** Null when no answer came. */
  readonly status: number | null;
  readonly advice: string;

  constructor(status: number | null, message: string, advice: string) {
    super(message);
    this.status = status;
    this.advice = advice;
  }
}

export function apiAddress(path: string): string {
  return new URL(path, API).href;
}

/** Whether the browser holds the cookie of a session that the server still knows. */
export async function hasSession(): Promise<boolean> {
  try {
    await call('GET', 'session');
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}

export async function openSession(token: string): Promise<void> {
  await call('POST', 'session', { token });
}

export async function closeSession(): Promise<void> {
  await call('DELETE', 'session');
}

/** One page of the list, newest first. */
export async function listJobs(limit: number, before: string | null): Promise<JobList> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (before !== null) query.set('before', before);
  return (await call('GET', `jobs?${query}`)) as JobList;
}

export async function readJob(id: string): Promise<Job> {
  return (await call('GET', `jobs/${id}`)) as Job;
}

export async function cancelJob(id: string): Promise<Job> {
  return (await call('DELETE', `jobs/${id}`)) as Job;
}

async function call(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await request(method, path, body);
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? undefined : await readJson(response);
}

async function request(method: string, path: string, body: unknown): Promise<Response> {
  const json = { 'content-type': 'application/json' };
  try {
    return await fetch(apiAddress(path), {
      method,
      cache: 'no-store',
      ...(body === undefined ? {} : { headers: json, body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(
      null,
      'The scheduler does not answer.',
      'Check that it runs, then try again.',
    );
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

/** The server's own words, if the answer is a problem of its kind; a proxy's answer has none. */
async function refusal(response: Response): Promise<ApiError> {
  const { detail, title, advice } = ((await readJson(response)) ?? {}) as Partial<Problem>;
  const message = detail ?? title ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, message, advice ?? '');
}
