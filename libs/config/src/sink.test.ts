import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readSettings, type Settings } from './settings.ts';
import { resolveSink } from './sink.ts';

let directory: string;
let outbox: string;
let settings: Settings;

beforeEach(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'copyline-sink-')));
  outbox = join(directory, 'out');
  mkdirSync(join(outbox, 'sub'), { recursive: true });
  mkdirSync(join(directory, 'outside'));
  writeFileSync(join(directory, 'outside', 'precious.csv'), 'precious\n');
  const path = join(directory, 'copyline.yaml');
  writeFileSync(path, 'sources:\n  inbox: .\nsinks:\n  outbox: ./out\n  gone: ./gone\n  all: .\n');
  settings = await readSettings({ path, env: {}, cwd: directory });
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function expectRefused(name: string, code: string): Promise<void> {
  const error = await resolveSink(name, settings).catch((thrown: unknown) => thrown as Error);
  expect(error, name).toMatchObject({ code, place: { source: name } });
  expect(JSON.stringify([(error as Error).message, error])).not.toContain(directory);
}

describe('a sink', () => {
  it.each(['new.csv', 'sub/new.csv', 'größe.csv', '..a.csv', 'a:b.csv', '...'])(
    'outbox:%s is found, whether or not it is there',
    async (path) => {
      const name = `outbox:${path}`;
      const expected = { name, path: join(outbox, path), rootPath: outbox };
      expect(await resolveSink(name, settings)).toEqual(expected);
      writeFileSync(join(outbox, path), 'x\n');
      expect(await resolveSink(name, settings)).toEqual(expected);
    },
  );

  it.each([
    ...['/etc/passwd', 'outbox:/etc/passwd', 'outbox:../outside/a.csv', 'outbox:sub/../a.csv'],
    ...['outbox:./a.csv', 'outbox:sub//a.csv', 'outbox:sub/', 'outbox:', 'outbox:..'],
    ...['outbox:..\\a.csv', 'outbox:a.csv\0', 'a.csv', '', 'nowhere:a.csv', 'constructor:a.csv'],
    ...['__proto__:a.csv', 's3://bucket/a.csv', 'outbox:orders-{date}.csv'],
  ])('%j is forbidden', (name) => expectRefused(name, 'SINK_FORBIDDEN'));

  it('is not below a root that is only for reading', async () => {
    await expectRefused('inbox:a.csv', 'SINK_FORBIDDEN');
    await expect(resolveSink('inbox:a.csv', settings)).rejects.toMatchObject({
      message: 'The root “inbox” is one to read from, not to write to',
      place: { expected: 'a root of sinks: outbox, gone, all' },
    });
  });

  it('has a folder, and a name that is free or a file', async () => {
    await expectRefused('outbox:nothing/a.csv', 'SINK_UNWRITABLE');
    writeFileSync(join(outbox, 'file'), '');
    await expectRefused('outbox:file/a.csv', 'SINK_UNWRITABLE');
    await expectRefused('outbox:sub', 'SINK_UNWRITABLE');
    execFileSync('mkfifo', [join(outbox, 'pipe')]);
    await expectRefused('outbox:pipe', 'SINK_UNWRITABLE');
    await expectRefused('gone:a.csv', 'SINK_NOT_VISIBLE');
  });

  it.each([
    ['to a file outside', '../outside/precious.csv', 'link'],
    ['to an absolute file', '/etc/passwd', 'link'],
    ['to nothing outside', '../outside/nothing.csv', 'link'],
    ['to a folder outside', '../outside', 'link/a.csv'],
    ['to a folder outside that is not there', '../nothing', 'link/a/b.csv'],
    ['to itself', 'link', 'link'],
  ])('behind a link %s is forbidden', async (_, end, path) => {
    symlinkSync(end, join(outbox, 'link'));
    await expectRefused(`outbox:${path}`, 'SINK_FORBIDDEN');
  });

  it('behind a link inside its root is what the link leads to', async () => {
    writeFileSync(join(outbox, 'sub', 'real.csv'), '');
    symlinkSync('sub/real.csv', join(outbox, 'link.csv'));
    const { path } = await resolveSink('outbox:link.csv', settings);
    expect(path).toBe(join(outbox, 'sub', 'real.csv'));
  });

  it('is none of Copyline’s own files', async () => {
    mkdirSync(join(directory, '.copyline', 'data'), { recursive: true });
    for (const name of ['token', 'new.csv', 'data/PG_VERSION']) {
      await expectRefused(`all:.copyline/${name}`, 'SINK_FORBIDDEN');
    }
    await expectRefused('all:copyline.yaml', 'SINK_FORBIDDEN');
  });

  it('is not to be had where none is configured', async () => {
    const path = join(directory, 'other.yaml');
    writeFileSync(path, 'sources:\n  inbox: .\n');
    const none = await readSettings({ path, env: {}, cwd: directory });
    await expect(resolveSink('inbox:a.csv', none)).rejects.toMatchObject({
      place: { expected: 'no sinks are configured' },
    });
    const fresh = await readSettings({ env: {}, cwd: join(directory, 'outside') });
    expect(fresh.sinks).toEqual({ outbox: join(directory, 'outside', 'outbox') });
  });
});
