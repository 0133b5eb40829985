import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readSettings, readToken, type Settings } from './settings.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'copyline-config-'));
  file = join(directory, 'copyline.yaml');
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function read(text: string, env: Record<string, string> = {}): Promise<Settings> {
  writeFileSync(file, text);
  return readSettings({ path: file, env, cwd: directory });
}

function readEnv(env: Record<string, string>): Promise<Settings> {
  return readSettings({ env, cwd: directory });
}

describe('the settings', () => {
  it('have defaults where there is no file', async () => {
    expect(await readEnv({})).toMatchObject({
      file: undefined,
      home: join(directory, '.copyline'),
      connections: {},
      ledgerSchema: 'copyline',
      sources: { inbox: join(directory, 'inbox') },
      hasDefaultRoots: true,
      queue: { backend: 'postgres' },
      scheduler: { host: '127.0.0.1', port: 7420, reconcileSeconds: 5, maxBodyBytes: 65536 },
      worker: {
        concurrency: 2,
        graceSeconds: 30,
        lockSeconds: 30,
        attempts: 5,
        host: '127.0.0.1',
        port: 7421,
      },
      server: 'http://127.0.0.1:7420',
      token: undefined,
      tokenFile: join(directory, '.copyline', 'token'),
    });
  });

  it('have no roots when a file names none', async () => {
    const settings = await read('ledgerSchema: etl\n');
    expect(settings).toMatchObject({ ledgerSchema: 'etl', sources: {}, hasDefaultRoots: false });
  });

  it('take folders relative to the file', async () => {
    const { sources } = await read('sources:\n  inbox: ./in\n  lake: /data/lake\n');
    expect(sources).toEqual({ inbox: join(directory, 'in'), lake: '/data/lake' });
  });

  it('name connections, with secrets from the environment and from files', async () => {
    writeFileSync(join(directory, 'pw'), 'from file\n');
    const settings = await read(
      'connections:\n  a: postgresql://etl:${env:PW}@db/dwh\n  b: host=db password=${file:pw}\n',
      { PW: 'x y' },
    );
    expect(settings.connections['a']?.reveal()).toBe('postgresql://etl:x y@db/dwh');
    expect(settings.connections['b']?.reveal()).toBe('host=db password=from file');
    expect(settings.plainPasswords).toEqual([]);
  });

  it('take one line end off a file, no more', async () => {
    writeFileSync(join(directory, 'pw'), 'a \n\n');
    const { control } = await read("control: 'host=db password=${file:pw}'\n");
    expect(control.reveal()).toBe('host=db password=a \n');
  });

  it('know which passwords stand in the file in clear', async () => {
    const text = 'connections:\n  a: postgresql://u:pw@h/d\n  b: host=h password=pw\n  c: host=h\n';
    expect((await read(text)).plainPasswords).toEqual(['a', 'b']);
    expect((await read('control: host=h password=x\n')).hasPlainControlPassword).toBe(true);
  });

  it('cannot be printed with their secrets', async () => {
    const settings = await read(
      'connections:\n  a: postgresql://u:hunter2@h/d\ncontrol: host=h password=hunter2\n' +
        'queue: redis://u:hunter2@cache:6379/1?password=hunter2\n',
      { COPYLINE_TOKEN: 'hunter2' },
    );
    expect(JSON.stringify(settings)).not.toContain('hunter2');
    expect(inspect(settings, { depth: 9 })).not.toContain('hunter2');
    expect(settings.queue).toMatchObject({ description: 'redis://cache:6379/1' });
    expect(settings.queue.backend === 'redis' && settings.queue.url.reveal()).toContain('hunter2@');
  });
});

describe('the environment', () => {
  it('wins over the file', async () => {
    const settings = await read(
      'control: host=a\nqueue: redis://a\nscheduler: { port: 1, maxBodyBytes: 2048 }\nworker: { attempts: 9 }\n',
      {
        COPYLINE_CONTROL: 'host=b password=${env:PW}',
        COPYLINE_QUEUE: 'postgres',
        COPYLINE_HOST: '0.0.0.0',
        COPYLINE_PORT: '8080',
        COPYLINE_RECONCILE_SECONDS: '0.5',
        COPYLINE_WORKER_HOST: '::1',
        COPYLINE_WORKER_PORT: '0',
        COPYLINE_WORKER_CONCURRENCY: '8',
        COPYLINE_WORKER_GRACE_SECONDS: '1.5',
        COPYLINE_WORKER_LOCK_SECONDS: '10',
        PW: 'secret',
      },
    );
    expect(settings.control.reveal()).toBe('host=b password=secret');
    expect(settings).toMatchObject({
      queue: { backend: 'postgres' },
      scheduler: { host: '0.0.0.0', port: 8080, reconcileSeconds: 0.5, maxBodyBytes: 2048 },
      worker: {
        host: '::1',
        port: 0,
        concurrency: 8,
        graceSeconds: 1.5,
        lockSeconds: 10,
        attempts: 9,
      },
      server: 'http://127.0.0.1:8080',
    });
  });

  it('says nothing where a variable is empty', async () => {
    const settings = await readEnv({ COPYLINE_PORT: '', COPYLINE_HOME: '', COPYLINE_CONFIG: '' });
    expect(settings).toMatchObject({
      home: join(directory, '.copyline'),
      scheduler: { port: 7420 },
    });
  });

  it.each([
    ['COPYLINE_PORT', '65536'],
    ['COPYLINE_PORT', '7420.5'],
    ['COPYLINE_PORT', '1e3'],
    ['COPYLINE_HOST', 'http://x'],
    ['COPYLINE_WORKER_CONCURRENCY', '0'],
    ['COPYLINE_WORKER_CONCURRENCY', 'many'],
    ['COPYLINE_WORKER_GRACE_SECONDS', '-1'],
    ['COPYLINE_WORKER_LOCK_SECONDS', '0'],
    ['COPYLINE_WORKER_ATTEMPTS', '0'],
    ['COPYLINE_RECONCILE_SECONDS', '0'],
    ['COPYLINE_QUEUE', 'hunter2'],
    ['COPYLINE_QUEUE', 'redis://:hunter2@'],
    ['COPYLINE_QUEUE', 'redis://:hun/ter2@cache'],
    ['COPYLINE_QUEUE', 'redis://${env:NOT_SET}'],
    ['COPYLINE_TOKEN', 'hunter2 '],
    ['COPYLINE_SERVER', 'localhost:7420'],
    ['COPYLINE_SERVER', 'http://u:hunter2@localhost'],
  ])('with %s=%s is refused, and the value is not repeated', async (name, value) => {
    const error = await readEnv({ [name]: value }).catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect((error as Error).message).toContain(`The environment is not valid: ${name}: `);
    expect((error as Error).message).not.toContain('hunter2');
  });

  it.each([
    [{ COPYLINE_SERVER: 'https://etl.example.com/copyline/' }, 'https://etl.example.com/copyline'],
    [{ COPYLINE_HOST: '::' }, 'http://127.0.0.1:7420'],
    [{ COPYLINE_HOST: '::1', COPYLINE_PORT: '81' }, 'http://[::1]:81'],
    [{ COPYLINE_HOST: '10.0.0.5', COPYLINE_PORT: '0' }, 'http://10.0.0.5:7420'],
  ])('%j has its scheduler at %s', async (env, server) => {
    expect((await readEnv(env as unknown as Record<string, string>)).server).toBe(server);
  });
});

describe('a configuration file', () => {
  it.each([
    ['an unknown key', 'conections: {}\n', /line 1: .*conections/],
    [
      'an unknown key inside',
      'worker:\n  attempts: 3\n  atempts: 3\n',
      /line 3: worker\.atempts: is not known/,
    ],
    ['a wrong type', 'connections:\n  a: x\n  b: [1]\n', /line 3: connections\.b/],
    ['a wrong name', 'connections:\n  a: x\n  9b: host=x\n', /line 3: connections\.9b.*letter/],
    ['a wrong root', 'sources:\n  In Box: x\n', /line 2: sources\.In Box.*lower-case/],
    ['a number out of bounds', 'scheduler:\n  port: 70000\n', /line 2: scheduler\.port/],
    ['a wrong queue', 'queue: http://x\n', /line 1: queue: is postgres, or redis/],
    ['a doubled key', 'ledgerSchema: a\nledgerSchema: b\n', /unique.* line 2/],
    ['a tab', 'connections:\n\ta: x\n', /line 2/],
    ['a missing variable', 'connections:\n\n  a: ${env:NOT_SET}\n', /line 3.*NOT_SET is not set/],
    ['a missing file', 'control: ${file:/nope/pw}\n', /line 1: control: .*\/nope\/pw cannot be/],
    ['prototype keys', '__proto__: {admin: true}\n', /not valid/],
    ['aliases', 'connections: &a\n  x: h=1\nledgerSchema: *a\n', /./],
    ['a list', '- 1\n', /not valid/],
  ])('with %s is refused', async (_, text, says) => {
    await expect(read(text)).rejects.toThrow(says);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('is reported with all faults, and with those of the environment', async () => {
    const text = 'a: 1\nledgerSchema: 5\nconnections:\n  x: host=${env:GONE}\n';
    const error = await read(text, { COPYLINE_PORT: 'x', COPYLINE_WORKER_PORT: '-1' }).catch(
      (thrown: unknown) => thrown as Error,
    );
    const { message } = error as Error;
    expect(message).toContain(`${file} is not valid: `);
    expect(message).toMatch(/line 2: ledgerSchema/);
    expect(message).toMatch(/line 4: connections\.x: .*GONE/);
    expect(message).toMatch(/line 1: a: is not known/);
    expect(message).toMatch(
      /the environment is not valid: COPYLINE_PORT: .*; COPYLINE_WORKER_PORT/,
    );
  });

  it('that was asked for must be there', async () => {
    const missing = join(directory, 'nothing.yaml');
    const readMissing = (env: Record<string, string>, path?: string): Promise<Settings> =>
      readSettings({ path, env, cwd: directory });
    await expect(readMissing({}, missing)).rejects.toThrow(/nothing\.yaml is not valid: it cannot/);
    await expect(readMissing({ COPYLINE_CONFIG: 'gone.yaml' })).rejects.toThrow(/gone\.yaml/);
  });
});

describe('the token', () => {
  it('comes from the environment, else from its file', async () => {
    expect(await readToken(await readEnv({}))).toBeUndefined();
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, 'abc-123\n');
    const settings = await readEnv({ COPYLINE_TOKEN_FILE: 'token' });
    expect((await readToken(settings))?.reveal()).toBe('abc-123');
    const both = await readEnv({ COPYLINE_TOKEN_FILE: 'token', COPYLINE_TOKEN: 'xyz' });
    expect((await readToken(both))?.reveal()).toBe('xyz');
  });

  it('is refused when the file holds something else, without repeating it', async () => {
    writeFileSync(join(directory, 'token'), 'two words\n');
    const settings = await readEnv({ COPYLINE_TOKEN_FILE: 'token' });
    await expect(readToken(settings)).rejects.toThrow(/^(?!.*two).*does not hold a token/);
    const folder = await readEnv({ COPYLINE_TOKEN_FILE: '.' });
    await expect(readToken(folder)).rejects.toThrow(/cannot be read/);
  });
});
