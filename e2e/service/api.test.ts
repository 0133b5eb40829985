import { postgres18, useOwnDatabase, writeCsv } from '@copyline/testkit';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createService, type Scheduler } from './service.ts';

const LOAD = { source: 'inbox:rows.csv', into: 't', connection: 'target' };

describe('the API', () => {
  const db = useOwnDatabase(postgres18());

  async function startScheduler(): Promise<{ scheduler: Scheduler; inbox: string; home: string }> {
    const service = await createService(db, { backend: 'postgres' });
    await writeCsv(join(service.inbox, 'rows.csv'), { rows: 3, shape: 'mixed' });
    return { scheduler: await service.startScheduler(), ...service };
  }

  /** Status, code and fields of a refused submission. */
  async function refusalOf(scheduler: Scheduler, load: unknown): Promise<unknown[]> {
    const body = typeof load === 'string' ? load : JSON.stringify(load);
    const response = await scheduler.fetch('/loads', { method: 'POST', body });
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = (await response.json()) as {
      status: number;
      code: string;
      errors?: { field: string }[];
    };
    expect(problem.status).toBe(response.status);
    const fields = (problem.errors ?? []).map(({ field }) => field);
    return [problem.status, problem.code, ...fields];
  }

  async function nothingIsWritten(): Promise<void> {
    const [found] = await db.sql<{ submissions: bigint; jobs: bigint }>(
      `SELECT (SELECT count(*) FROM copyline_control.submission) AS submissions,
              (SELECT count(*) FROM bullmq.job) AS jobs`,
    );
    expect(found).toEqual({ submissions: 0n, jobs: 0n });
  }

  it('refuses what it must not load; nothing is read, nothing is queued', async () => {
    const { scheduler, inbox, home } = await startScheduler();
    await writeFile(join(home, 'outside.csv'), 'a\n1\n');
    await symlink(join(home, 'outside.csv'), join(inbox, 'link.csv'));
    await symlink('/etc', join(inbox, 'etc'));
    await mkdir(join(inbox, 'folder.csv'));
    const refusal = (change: object): Promise<unknown[]> =>
      refusalOf(scheduler, { ...LOAD, ...change });

    expect(await refusal({ source: '/etc/passwd' })).toEqual([422, 'REQUEST_INVALID', 'source']);
    expect(await refusal({ source: 'inbox:/etc/passwd' })).toContain('REQUEST_INVALID');
    expect(await refusal({ source: 'inbox:../outside.csv' })).toContain('REQUEST_INVALID');
    expect(await refusal({ source: 'inbox:a/../../outside.csv' })).toContain('REQUEST_INVALID');
    expect(await refusal({ source: 'other:rows.csv' })).toEqual([
      403,
      'SOURCE_FORBIDDEN',
      'source',
    ]);
    expect(await refusal({ source: 'inbox:link.csv' })).toEqual([
      403,
      'SOURCE_FORBIDDEN',
      'source',
    ]);
    expect(await refusal({ source: 'inbox:etc/passwd' })).toContain('SOURCE_FORBIDDEN');
    expect(await refusal({ source: 'inbox:folder.csv' })).toContain('SOURCE_NOT_A_FILE');
    expect(await refusal({ source: 'inbox:none.csv' })).toEqual([
      422,
      'SOURCE_NOT_FOUND',
      'source',
    ]);
    expect(await refusal({ connection: 'unknown' })).toEqual([
      ...[422, 'CONNECTION_UNKNOWN', 'connection'],
    ]);
    expect(await refusal({ connection: db.url() })).toContain('REQUEST_INVALID');
    expect(await refusal({ surprise: 1 })).toEqual([422, 'REQUEST_INVALID', 'surprise']);
    expect(await refusal({ into: 'a.b.c' })).toContain('REQUEST_INVALID');
    expect(await refusal({ dialect: { quote: 'ab' } })).toEqual([
      ...[422, 'REQUEST_INVALID', 'dialect'],
    ]);
    expect(await refusal({ into: undefined, columns: [] })).toEqual([
      ...[422, 'REQUEST_INVALID', 'into', 'columns'],
    ]);
    expect(await refusalOf(scheduler, '{"source":')).toEqual([422, 'REQUEST_INVALID', 'body']);
    expect(await refusalOf(scheduler, '{"__proto__":{"polluted":1}}')).toContain('REQUEST_INVALID');
    expect(await refusalOf(scheduler, ' '.repeat(10_000_000))).toEqual([
      ...[413, 'REQUEST_TOO_LARGE'],
    ]);
    await nothingIsWritten();
  });

  it('answers only who shows the token', async () => {
    const { scheduler } = await startScheduler();
    const status = async (path: string, init: RequestInit = {}): Promise<number> => {
      const response = await fetch(`${scheduler.url}${path}`, { redirect: 'manual', ...init });
      await response.arrayBuffer();
      return response.status;
    };
    const paths = ['/api/v1/jobs', '/API/V1/jobs', '/api/v1/events', '/api/v1/openapi.json'];
    for (const path of [...paths, '/api/v1/nothing', '/queues', '/Queues/', '/queues/api/queues']) {
      expect([path, await status(path)]).toEqual([path, 401]);
      const wrong = { headers: { Authorization: 'Bearer cpl_wrong' } };
      expect([path, await status(path, wrong)]).toEqual([path, 401]);
    }
    const body = JSON.stringify(LOAD);
    const json = { 'Content-Type': 'application/json' };
    expect(await status('/api/v1/loads', { method: 'POST', body, headers: json })).toBe(401);
    const large = { method: 'POST', body: ' '.repeat(10_000_000), headers: json };
    expect(await status('/api/v1/loads', large)).toBe(401);
    expect((await scheduler.fetch('/jobs')).status).toBe(200);
    // Health and the page itself need no token; there is nothing in them.
    expect(await status('/healthz')).toBe(200);
    expect(await status('/')).toBe(200);
    await nothingIsWritten();
  });

  it('gives a browser a session, which ends with signing out and does not travel', async () => {
    const { scheduler } = await startScheduler();
    const session = `${scheduler.url}/api/v1/session`;
    const signIn = (token: string): Promise<Response> =>
      fetch(session, {
        method: 'POST',
        body: JSON.stringify({ token }),
        headers: { 'Content-Type': 'application/json' },
      });
    expect((await signIn('cpl_wrong')).status).toBe(401);
    const signedIn = await signIn(scheduler.token);
    const cookie = signedIn.headers.get('set-cookie') ?? '';

    expect(signedIn.status).toBe(204);
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toContain(scheduler.token);
    const headers = { Cookie: cookie.split(';')[0] ?? '' };
    expect((await fetch(session, { headers })).status).toBe(200);
    const foreign = { ...headers, Origin: 'http://evil.example' };
    expect((await fetch(session, { headers: foreign })).status).toBe(401);
    const crossSite = { ...headers, 'Sec-Fetch-Site': 'cross-site' };
    expect((await fetch(session, { headers: crossSite })).status).toBe(401);
    expect((await fetch(session, { method: 'DELETE', headers })).status).toBe(204);
    expect((await fetch(session, { headers })).status).toBe(401);
  });

  it('makes one job of one Idempotency-Key, and refuses it for another load', async () => {
    const { scheduler } = await startScheduler();
    const post = (load: object): Promise<Response> =>
      scheduler.fetch('/loads', {
        method: 'POST',
        body: JSON.stringify(load),
        headers: { 'Idempotency-Key': 'night-2026-11-21' },
      });
    const first = await post(LOAD);
    const second = await post({ ...LOAD, create: false });
    const other = await post({ ...LOAD, into: 'u' });

    expect([first.status, second.status, other.status]).toEqual([202, 200, 409]);
    const job = (await first.json()) as { id: string };
    expect(first.headers.get('location')).toBe(`/api/v1/jobs/${job.id}`);
    expect(await second.json()).toMatchObject({ id: job.id });
    expect(await other.json()).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    const [found] = await db.sql('SELECT count(*) AS jobs FROM bullmq.job');
    expect(found).toEqual({ jobs: 1n });
  });

  it('describes every route that it has', async () => {
    const { scheduler } = await startScheduler();
    const response = await scheduler.fetch('/openapi.json');
    const { paths } = (await response.json()) as { paths: Record<string, object> };
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    // Nest says at its start what it serves.
    const mapped = [...scheduler.stdout.matchAll(/Mapped \{([^,]+), (\w+)\} route/g)].map(
      ([, path = '', method = '']) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`,
    );
    expect(described.sort()).toEqual(mapped.sort());
    expect(mapped.length).toBeGreaterThan(10);
  });
});
