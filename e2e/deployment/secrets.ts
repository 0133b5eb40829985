import { runProcess } from '@copyline/testkit';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';

/** Whoever has made passwords here keeps them. */
export function isNoSecret(path: string): boolean {
  return !/deploy\/(secrets|inbox)\/(?!\.gitignore$)/.test(path);
}

export async function makeSecrets(folder: string): Promise<void> {
  const script = runProcess('sh', [join(folder, 'make-secrets.sh')]);
  expect((await script.exit).code, script.stderr).toBe(0);
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'copyline-deployment-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
