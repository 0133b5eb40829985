import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { connectionNamed, controlTarget, readSettings, TargetPools } from '../src/index.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'copyline-embedded-target-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

it('the embedded database is opened once for all callers, and one that gives up harms no other', async () => {
  const settings = await readSettings({ env: {}, cwd: directory });
  const sentences: string[] = [];
  await using target = connectionNamed('embedded', settings, (text) => sentences.push(text));
  const interruption = new AbortController();
  const impatient = target.connect(interruption.signal);
  const patient = target.connect();
  interruption.abort();
  await expect(impatient).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await using connection = await patient;
  expect((await connection.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  expect(sentences[0]).toMatch(/^Creating a PostgreSQL/);

  // Another target of the same home attaches to the same server.
  await using control = controlTarget(settings);
  const [{ port, password }, same] = [await target.parameters(), await control.parameters()];
  expect(same).toMatchObject({ port, host: '127.0.0.1', sslmode: 'disable' });
  expect(same.password?.reveal()).toBe(password?.reveal());

  // So does a pool: who opens it first does not open it for himself.
  await using pools = new TargetPools(settings, { max: 2, applicationName: 'test' });
  const other = new AbortController();
  const first = pools.connect('embedded', other.signal);
  const second = pools.connect('embedded', new AbortController().signal);
  other.abort();
  await expect(first).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await (await second).close();
});
