import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readConfig } from './config.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'copyline-config-'));
  file = join(directory, 'copyline.yaml');
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function read(text: string, env: Record<string, string> = {}): ReturnType<typeof readConfig> {
  writeFileSync(file, text);
  return readConfig(file, env);
}

describe('the configuration', () => {
  it('has defaults where there is no file', async () => {
    expect(await readConfig(undefined, {})).toMatchObject({
      connections: {},
      home: resolve('.copyline'),
    });
  });

  it('names connections, with secrets from the environment', async () => {
    const text =
      'connections:\n  warehouse: postgresql://etl:${env:PW}@db/dwh\nledgerSchema: etl\n';
    expect(await read(text, { PW: 'x y' })).toMatchObject({
      connections: { warehouse: 'postgresql://etl:x y@db/dwh' },
      ledgerSchema: 'etl',
      plainPasswords: [],
    });
  });

  it('knows which passwords stand in it in clear', async () => {
    const text = 'connections:\n  a: postgresql://u:pw@h/d\n  b: host=h password=pw\n  c: host=h\n';
    expect((await read(text)).plainPasswords).toEqual(['a', 'b']);
  });

  it.each([
    ['an unknown key', 'conections: {}\n', /line 1: .*conections/],
    ['a wrong type', 'connections:\n  a: x\n  b: [1]\n', /line 3: connections\.b/],
    ['a doubled key', 'ledgerSchema: a\nledgerSchema: b\n', /unique.* line 2/],
    ['a tab', 'connections:\n\ta: x\n', /line 2/],
    ['a missing variable', 'connections:\n  a: ${env:NOT_SET}\n', /NOT_SET is not set/],
    ['prototype keys', '__proto__: {admin: true}\n', /not valid/],
    ['aliases', 'connections: &a\n  x: h=1\nledgerSchema: *a\n', /./],
    ['a list', '- 1\n', /not valid/],
  ])('with %s is refused', async (_, text, says) => {
    await expect(read(text)).rejects.toThrow(says);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('lists all faults at once', async () => {
    await expect(read('a: 1\nledgerSchema: 5\n')).rejects.toThrow(
      /ledgerSchema[\s\S]*a|a[\s\S]*ledgerSchema/,
    );
  });

  it('that was asked for must be there', async () => {
    const missing = join(directory, 'nothing.yaml');
    await expect(readConfig(missing, {})).rejects.toThrow(/cannot be read/);
  });
});
