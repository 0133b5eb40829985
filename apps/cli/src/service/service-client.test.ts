import { loadRequestSchema, type Job, type LoadJob, type Work } from '@copyline/contracts';
import { Secret } from '@copyline/dws-client';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { awaitJob } from './await-job.ts';
import { findJob } from './find-job.ts';
import { ServiceClient } from './service-client.ts';

/** A scheduler as its API promises to behave; each test says what it answers. */
let server: Server;
let address: string;
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
const asked: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      answer(request, response, Buffer.concat(chunks).toString());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function client(token: string | undefined = 'abc'): ServiceClient {
  return new ServiceClient({
    server: address,
    token: token === '' ? undefined : new Secret(token),
    tokenOrigin: '.copyline/token',
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

function problem(code: string, status: number, more: object = {}): object {
  const words = { type: 'about:blank', title: code, detail: `${code} happened`, advice: 'Do it.' };
  return { ...words, status, code, requestId: 'r1', ...more };
}

const LOAD = loadRequestSchema.parse({ source: 'inbox:a.csv', into: 't' });
const WORK: Work = { type: 'load', load: LOAD };
const ID = 'aaaaaaaa-1111-4111-8111-111111111111';

function job(change: Partial<LoadJob> = {}): LoadJob {
  return {
    type: 'load',
    id: ID,
    state: 'queued',
    load: LOAD,
    schedule: null,
    runs: 0,
    cancelRequested: false,
    createdAt: '2026-11-21T10:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    nextRunAt: null,
    worker: null,
    progress: null,
    report: null,
    error: null,
    revision: 1,
    ...change,
  };
}

describe('a request', () => {
  it('carries token, key and load, and says whether the job is new', async () => {
    const seen: unknown[] = [];
    let status = 202;
    answer = (request, response, body) => {
      seen.push([
        request.headers.authorization,
        request.headers['idempotency-key'],
        JSON.parse(body),
      ]);
      send(response, status, job());
    };
    expect(await client().submit(WORK, 'key-1')).toEqual({ job: job(), isNew: true });
    status = 200;
    expect(await client().submit(WORK, 'key-1')).toMatchObject({ isNew: false });
    expect(asked).toEqual(['POST /api/v1/loads', 'POST /api/v1/loads']);
    expect(seen[0]).toEqual(['Bearer abc', 'key-1', LOAD]);
  });

  it('asks for a page of a list', async () => {
    answer = (_, response) => send(response, 200, { jobs: [job()], next: null });
    const page = await client().listJobs({ state: 'in-doubt', limit: 5, before: 'a&b' });
    expect(page.jobs).toHaveLength(1);
    expect(asked).toEqual(['GET /api/v1/jobs?state=in-doubt&limit=5&before=a%26b']);
  });

  it.each([
    ['IDEMPOTENCY_CONFLICT', 409],
    ['JOB_NOT_FOUND', 404],
    ['QUEUE_UNAVAILABLE', 503],
  ])('that is refused with %s fails with it', async (code, status) => {
    answer = (_, response) => send(response, status, problem(code, status));
    await expect(client().submit(WORK, 'k')).rejects.toMatchObject({
      code,
      message: `${code} happened`,
      advice: 'Do it.',
    });
  });

  it('names the faulty fields', async () => {
    const errors = [{ field: 'into', message: 'is missing' }];
    answer = (_, response) => send(response, 422, problem('REQUEST_INVALID', 422, { errors }));
    await expect(client().submit(WORK, 'k')).rejects.toThrow(
      'REQUEST_INVALID happened: into: is missing',
    );
  });

  it('without a token, or with a wrong one, is told where it was looked for', async () => {
    answer = (_, response) => send(response, 401, problem('UNAUTHENTICATED', 401));
    await expect(client('').getJob(ID)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: `The scheduler at ${address} asks for an access token, and there is none in .copyline/token`,
    });
    const error = await client('hunter2')
      .getJob(ID)
      .catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toMatch(/does not accept the access token from \.copyline/);
    expect(inspect(error)).not.toContain('hunter2');
  });

  it.each([
    ['a page of HTML', 200, '<html>'],
    ['other JSON', 200, '{"jobs":1}'],
    ['an error of a proxy', 502, '<html>Bad Gateway'],
    ['a redirection', 302, ''],
  ])('that is answered with %s has met somebody else', async (_, status, body) => {
    answer = (_request, response) =>
      response.writeHead(status, { location: 'http://evil.example/' }).end(body);
    await expect(client().getJob(ID)).rejects.toMatchObject({ code: 'SERVICE_UNREACHABLE' });
  });

  it('that reaches nobody says so, and that nothing was submitted is plain', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const nobody = new ServiceClient({
      server: `http://127.0.0.1:${String(port)}`,
      token: undefined,
      tokenOrigin: '',
    });
    await expect(nobody.submit(WORK, 'key-1')).rejects.toMatchObject({
      code: 'SERVICE_UNREACHABLE',
      message: `The scheduler cannot be reached (ECONNREFUSED): http://127.0.0.1:${String(port)}`,
      advice: expect.stringContaining('copyline up') as string,
    });
  });

  it('whose answer is lost tells how to repeat it safely', async () => {
    answer = (request) => request.socket.destroy();
    await expect(client().submit(WORK, 'key-1')).rejects.toMatchObject({
      code: 'SERVICE_UNREACHABLE',
      advice: expect.stringContaining('--idempotency-key key-1') as string,
    });
  });
});

describe('a job', () => {
  const others = ['aaaaaaaa-2222-4222-8222-222222222222', 'bbbbbbbb-3333-4333-8333-333333333333'];

  beforeEach(() => {
    answer = (request, response) => {
      if (request.url?.startsWith('/api/v1/jobs/') === true) return send(response, 200, job());
      const isSecond = request.url?.includes('before=2') === true;
      const ids = isSecond ? [others[1] ?? ''] : [ID, others[0] ?? ''];
      send(response, 200, { jobs: ids.map((id) => job({ id })), next: isSecond ? null : '2' });
    };
  });

  it('is found by its id at once', async () => {
    expect((await findJob(client(), ID.toUpperCase())).id).toBe(ID);
    expect(asked).toEqual([`GET /api/v1/jobs/${ID}`]);
  });

  it('is found by its first characters, on a later page too', async () => {
    expect((await findJob(client(), 'aaaaaaaa-1')).id).toBe(ID);
    expect((await findJob(client(), 'BBBB')).id).toBe(others[1]);
  });

  it.each([
    ['aaaa', 'Several jobs begin with aaaa'],
    ['cccc', 'There is no job cccc'],
    ['aaa', '“aaa” is not the id of a job'],
    ['../x', '“../x” is not the id of a job'],
  ])('is not found by %s', async (id, message) => {
    await expect(findJob(client(), id)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND', message });
  });
});

describe('waiting for a job', () => {
  it('asks with a long poll until it has ended', async () => {
    const states: Job['state'][] = ['running', 'done'];
    answer = (_, response) =>
      send(response, 200, job({ state: states.shift() ?? 'done', revision: 2 }));
    expect((await awaitJob(client(), job())).state).toBe('done');
    expect(asked).toEqual(Array(2).fill(`GET /api/v1/jobs/${ID}?waitSeconds=20`));
  });

  it('shows every view, and never an older one after a newer one', async () => {
    const views = [
      job({ state: 'running', revision: 5 }),
      job({ revision: 2 }),
      job({ state: 'failed', revision: 6 }),
    ];
    answer = (_, response) => send(response, 200, views.shift());
    const seen: string[] = [];
    await awaitJob(client(), job(), { onView: ({ state }) => seen.push(state) });
    expect(seen).toEqual(['queued', 'running', 'running', 'failed']);
    expect(asked[0]).toBe(`GET /api/v1/jobs/${ID}`);
  });

  it('outlasts a scheduler that is away for a moment', async () => {
    let round = 0;
    answer = (request, response) => {
      round += 1;
      if (round === 1) request.socket.destroy();
      else if (round === 2) send(response, 503, problem('CONTROL_UNAVAILABLE', 503));
      else send(response, 200, job({ state: 'cancelled', revision: 2 }));
    };
    const silences: string[] = [];
    const ended = await awaitJob(client(), job(), {
      onSilence: ({ code }) => silences.push(code),
    });
    expect(ended.state).toBe('cancelled');
    expect(silences).toEqual(['SERVICE_UNREACHABLE']);
  });

  it('ends with what is no passing fault', async () => {
    answer = (_, response) => send(response, 404, problem('JOB_NOT_FOUND', 404));
    await expect(awaitJob(client(), job())).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('stops when it is interrupted, with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    answer = () => {
      controller.abort(reason);
    };
    await expect(awaitJob(client(), job(), { signal: controller.signal })).rejects.toBe(reason);
  });

  it('gives the job back as it is when the time is over', async () => {
    answer = (_, response) => {
      setTimeout(() => send(response, 200, job({ state: 'running', revision: 2 })), 60);
    };
    const seen = await awaitJob(client(), job(), { timeoutMs: 50 });
    expect(seen.state).toBe('running');
    expect(asked).toEqual([`GET /api/v1/jobs/${ID}?waitSeconds=1`]);
  });
});
