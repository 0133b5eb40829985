import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { OutputTail } from './output-tail.ts';
import { apiEndpoint, healthEndpoint } from './ports.ts';
import { programOf, ServiceProcess } from './service-process.ts';
import { welcomeText } from './welcome-text.ts';

describe('the output of a service', () => {
  it('is labelled, line by line, safe for the terminal', () => {
    const lines: string[] = [];
    const tail = new OutputTail('worker', (line) => lines.push(line));
    tail.write('one\ntw');
    tail.write('o\r\n\u001b[31mthree');
    expect(lines).toEqual(['worker │ one', 'worker │ two']);
    tail.end();
    expect(tail.lines).toEqual([...lines.slice(0, 2), 'worker │ \\x1b[31mthree']);
  });

  it('is kept at its end only, whatever its size', () => {
    const tail = new OutputTail('w');
    for (let i = 0; i < 100; i += 1) tail.write(`${String(i)}\n`);
    expect(tail.lines).toHaveLength(30);
    expect(tail.lines.at(-1)).toBe('w │ 99');
    for (let i = 0; i < 100; i += 1) tail.write('x'.repeat(1000));
    tail.end();
    expect(tail.lines.at(-1)?.length).toBeLessThan(5000);
  });
});

describe('a port', () => {
  let server: Server;
  let taken: { host: string; port: number };
  let status = 200;

  beforeEach(async () => {
    server = createServer((_, response) => {
      response.writeHead(status).end(JSON.stringify({ code: 'UNAUTHENTICATED' }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    taken = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('that is taken is refused, saying by whom', async () => {
    status = 401;
    await expect(apiEndpoint(taken)).rejects.toThrow(/A scheduler of Copyline is running/);
    status = 200;
    await expect(apiEndpoint(taken)).rejects.toThrow(/Another program is using port/);
  });

  it('may be any that is free', async () => {
    const any = await apiEndpoint({ host: '127.0.0.1', port: 0 });
    expect(any.port).toBeGreaterThan(0);
    const health = await healthEndpoint(taken);
    expect(health.port).not.toBe(taken.port);
  });

  it('of an address that is not of this machine is refused', async () => {
    await expect(apiEndpoint({ host: '192.0.2.1', port: 0 })).rejects.toThrow(/Nothing can listen/);
  });
});

/** A service in miniature: ready after a moment, writes down how it is told to stop. */
const SERVICE = `
import { createServer } from 'node:http';
import { appendFileSync } from 'node:fs';
const note = (text) => appendFileSync(process.env.NOTES, text + '\\n');
const stop = (why) => { note(why); if (process.env.STUBBORN !== '1') setTimeout(() => process.exit(0), 20); };
process.on('SIGTERM', () => stop('SIGTERM'));
process.on('disconnect', () => stop('disconnect'));
note('channel ' + process.env.COPYLINE_PARENT_CHANNEL);
console.log('starting');
if (process.env.CRASH === '1') { console.error('no database'); process.exit(3); }
let asked = 0;
createServer((request, response) => {
  asked += 1;
  response.writeHead(request.url === '/readyz' && asked > 2 ? 200 : 503).end();
}).listen(Number(process.env.PORT), '127.0.0.1');
`;

describe('a service', () => {
  let directory: string;
  let port: number;
  let service: ServiceProcess | undefined;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'copyline-up-'));
    writeFileSync(join(directory, 'service.mjs'), SERVICE);
    ({ port } = await healthEndpoint({ host: '127.0.0.1', port: 0 }));
  });
  afterEach(async () => {
    service?.kill();
    await service?.ended;
    rmSync(directory, { recursive: true, force: true });
  });

  function start(env: Record<string, string> = {}, graceMs = 5000): ServiceProcess {
    service = new ServiceProcess({
      name: 'worker',
      program: join(directory, 'service.mjs'),
      env: { NOTES: join(directory, 'notes'), PORT: String(port), ...env },
      address: `http://127.0.0.1:${String(port)}`,
      graceMs,
    });
    return service;
  }

  function notes(): string[] {
    return readFileSync(join(directory, 'notes'), 'utf8').trim().split('\n');
  }

  it.each([
    [false, 'SIGTERM'],
    [true, 'disconnect'],
  ])('is awaited and stopped (told by a terminal: %s)', async (isTold, how) => {
    const worker = start();
    await worker.untilReady(new AbortController().signal);
    await worker.stop(isTold);
    expect(notes().slice(0, 2)).toEqual(['channel 1', how]);
    expect(await worker.ended).toEqual({ name: 'worker', text: 'exit code 0' });
    await worker.stop(false);
  });

  it('that ends by itself says how, and what it has printed', async () => {
    const worker = start({ CRASH: '1' });
    await worker.untilReady(new AbortController().signal);
    expect(await worker.ended).toEqual({ name: 'worker', text: 'exit code 3' });
    expect([...worker.tail.lines].sort()).toEqual([
      'worker    │ no database',
      'worker    │ starting',
    ]);
  });

  it('that does not stop in its time is killed', async () => {
    const worker = start({ STUBBORN: '1' }, -9800);
    await worker.untilReady(new AbortController().signal);
    await worker.stop(false);
    expect(await worker.ended).toMatchObject({ text: 'killed by SIGKILL' });
  });

  it('is no longer awaited when the wait is given up', async () => {
    const controller = new AbortController();
    const ready = start().untilReady(controller.signal);
    controller.abort(new Error('enough'));
    await expect(ready).rejects.toThrow('enough');
  });

  it('is found by the name of its package', () => {
    expect(programOf('scheduler')).toMatch(/apps\/scheduler\/bin\/copyline-scheduler\.js$/);
    expect(programOf('worker')).toMatch(/apps\/worker\/bin\/copyline-worker\.js$/);
  });
});

describe('the welcome', () => {
  const welcome = {
    server: 'http://127.0.0.1:7420',
    isUsualServer: true,
    hasWorker: true,
    token: 'the token is in .copyline/token',
    sources: [
      { name: 'inbox', folder: 'inbox' },
      { name: 'lake', folder: '/data/lake' },
    ],
  };

  it('says where, how and what', () => {
    expect(welcomeText(welcome)).toBe(
      [
        'Copyline is up: http://127.0.0.1:7420',
        '  sign in   the token is in .copyline/token',
        '  files     inbox/orders.csv is the source inbox:orders.csv',
        '            /data/lake/orders.csv is the source lake:orders.csv',
        '  submit    copyline submit inbox:orders.csv --into sales.orders --create --wait',
        '            Ctrl-C stops',
      ].join('\n'),
    );
  });

  it('says what is unusual', () => {
    const text = welcomeText({ ...welcome, isUsualServer: false, hasWorker: false, sources: [] });
    expect(text).toContain('add a folder to `sources`');
    expect(text).toContain('none: loads wait');
    expect(text).not.toContain('submit ');
  });
});
