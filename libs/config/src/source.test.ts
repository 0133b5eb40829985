import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readSettings, type Settings } from './settings.ts';
import { resolveSource } from './source.ts';

let directory: string;
let inbox: string;
let settings: Settings;

beforeEach(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'copyline-source-')));
  inbox = join(directory, 'in');
  mkdirSync(join(inbox, 'sub'), { recursive: true });
  mkdirSync(join(directory, 'outside'));
  writeFileSync(join(directory, 'outside', 'secret.csv'), 'secret\n');
  writeFileSync(join(inbox, 'a.csv'), 'a\n');
  const path = join(directory, 'copyline.yaml');
  writeFileSync(path, 'sources:\n  inbox: ./in\n  gone: ./gone\n  flat: ./in/a.csv\n  all: .\n');
  settings = await readSettings({ path, env: {}, cwd: directory });
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function expectRefused(name: string, code: string): Promise<void> {
  const error = await resolveSource(name, settings).catch((thrown: unknown) => thrown as Error);
  expect(error, name).toMatchObject({ code, place: { source: name } });
  expect(JSON.stringify([(error as Error).message, error])).not.toContain(directory);
  expect((error as Error).cause).toBeUndefined();
}

describe('a source', () => {
  it.each([
    'a.csv',
    'sub/b.csv',
    'größe.csv',
    '日本語/✓.csv',
    ' blank .csv',
    '..a.csv',
    '%2e%2e',
    'a:b.csv',
    '...',
  ])('inbox:%s is found', async (path) => {
    const file = join(inbox, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, 'x\n');
    expect(await resolveSource(`inbox:${path}`, settings)).toEqual({
      name: `inbox:${path}`,
      root: 'inbox',
      path: file,
      rootPath: inbox,
    });
  });

  it.each([
    '/etc/passwd',
    'inbox:/etc/passwd',
    'inbox:../outside/secret.csv',
    'inbox:sub/../a.csv',
    'inbox:./a.csv',
    'inbox:sub//a.csv',
    'inbox:sub/',
    'inbox:',
    'inbox:..',
    'inbox:..\\outside\\secret.csv',
    'inbox:a.csv\0',
    'a.csv',
    '',
    'nowhere:a.csv',
    'constructor:a.csv',
    '__proto__:a.csv',
    'https://example.com/a.csv',
    `inbox:${'a'.repeat(2000)}`,
  ])('%j is forbidden', (name) => expectRefused(name, 'SOURCE_FORBIDDEN'));

  it('is told which roots there are', async () => {
    await expect(resolveSource('nowhere:a.csv', settings)).rejects.toMatchObject({
      place: { expected: 'a root of: inbox, gone, flat, all' },
    });
  });

  it.each([
    'inbox:b.csv',
    'inbox:%2e%2e/outside/secret.csv',
    'inbox:a.csv/b.csv',
    `inbox:${'a'.repeat(300)}`,
  ])('%s does not exist', (name) => expectRefused(name, 'SOURCE_NOT_FOUND'));

  it('below a root that is no folder here is not visible', async () => {
    await expectRefused('gone:a.csv', 'SOURCE_NOT_VISIBLE');
    await expectRefused('flat:a.csv', 'SOURCE_NOT_VISIBLE');
  });

  it('is a regular file', async () => {
    // Opening the pipe would wait for ever.
    execFileSync('mkfifo', [join(inbox, 'pipe')]);
    symlinkSync('.', join(inbox, 'self'));
    for (const name of ['pipe', 'sub', 'self'])
      await expectRefused(`inbox:${name}`, 'SOURCE_NOT_A_FILE');
  });
});

describe('a link', () => {
  it.each([
    ['to a file outside', '../outside/secret.csv', 'link'],
    ['to an absolute file', '/etc/passwd', 'link'],
    ['to a device', '/dev/zero', 'link'],
    ['to a folder outside', '../outside', 'link/secret.csv'],
    ['to a folder outside, to nothing in it', '../outside', 'link/nothing.csv'],
    ['to nothing outside', '../outside/nothing.csv', 'link'],
    ['to nothing outside, from below', '../nothing', 'link/a/b.csv'],
    ['to itself', 'link', 'link'],
  ])('%s is forbidden', async (_, end, path) => {
    symlinkSync(end, join(inbox, 'link'));
    await expectRefused(`inbox:${path}`, 'SOURCE_FORBIDDEN');
  });

  it('out, behind a link inside, is forbidden', async () => {
    symlinkSync('../../outside', join(inbox, 'sub', 'out'));
    symlinkSync('sub/out', join(inbox, 'link'));
    await expectRefused('inbox:link/secret.csv', 'SOURCE_FORBIDDEN');
  });

  it('to a folder whose name begins like the root is forbidden', async () => {
    mkdirSync(join(directory, 'in-other'));
    writeFileSync(join(directory, 'in-other', 'x.csv'), '');
    symlinkSync('../in-other', join(inbox, 'link'));
    await expectRefused('inbox:link/x.csv', 'SOURCE_FORBIDDEN');
  });

  it('inside the root is followed', async () => {
    symlinkSync('../a.csv', join(inbox, 'sub', 'link.csv'));
    symlinkSync('sub', join(inbox, 'other'));
    const found = await resolveSource('inbox:other/link.csv', settings);
    expect(found).toMatchObject({ name: 'inbox:other/link.csv', path: join(inbox, 'a.csv') });
  });

  it('may be the root itself', async () => {
    rmSync(inbox, { recursive: true });
    symlinkSync('outside', inbox);
    const found = await resolveSource('inbox:secret.csv', settings);
    expect(found.rootPath).toBe(join(directory, 'outside'));
  });

  it('that is hard is a file like any other', async () => {
    linkSync(join(directory, 'outside', 'secret.csv'), join(inbox, 'hard.csv'));
    expect((await resolveSource('inbox:hard.csv', settings)).path).toBe(join(inbox, 'hard.csv'));
  });
});

describe('Copyline’s own files', () => {
  it('are no sources, even below a root', async () => {
    mkdirSync(join(directory, '.copyline', 'data'), { recursive: true });
    for (const name of ['token', 'server.json', 'data/PG_VERSION']) {
      writeFileSync(join(directory, '.copyline', name), 'x\n');
      await expectRefused(`all:.copyline/${name}`, 'SOURCE_FORBIDDEN');
    }
    await expectRefused('all:copyline.yaml', 'SOURCE_FORBIDDEN');
    symlinkSync('../.copyline/token', join(inbox, 'token.csv'));
    await expectRefused('all:in/token.csv', 'SOURCE_FORBIDDEN');
    expect((await resolveSource('all:in/a.csv', settings)).path).toBe(join(inbox, 'a.csv'));
  });

  it('leave a root alone that was put beside them', async () => {
    mkdirSync(join(directory, '.copyline', 'inbox'), { recursive: true });
    writeFileSync(join(directory, '.copyline', 'inbox', 'a.csv'), 'x\n');
    const beside = { ...settings, sources: { inbox: join(directory, '.copyline', 'inbox') } };
    expect((await resolveSource('inbox:a.csv', beside)).root).toBe('inbox');
  });
});
