import { runProcess } from '@copyline/testkit';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = new URL('..', import.meta.url).pathname;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copyline-readme-'));
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the README', () => {
  it('shows commands for a CSV of your own that work as they stand', async () => {
    const script = shellBlock(await readFile(join(ROOT, 'README.md'), 'utf8'), 'Your own CSV');
    const shell = runProcess('sh', ['-eu'], { cwd: directory, input: script });

    expect((await shell.exit).code, shell.stderr).toBe(0);
    expect(shell.stdout).toContain('loaded 2 rows into sales.orders (created)');
    expect(shell.stdout).toContain('already loaded: 2 rows');
    expect(shell.stdout).toMatch(/2 │ Hopper, Grace +│ 7\.50 +│ 2026-11-21/);
    expect(shell.stdout).toMatch(/│ done +│ sales\.orders │.*│ +2 │ +2 │ +0 │/);
  });

  it('names only files that are there', async () => {
    const text = await readFile(join(ROOT, 'README.md'), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path);
    expect(links.length).toBeGreaterThan(5);
    for (const path of links) await expect(readFile(join(ROOT, path)), path).resolves.toBeDefined();
  });
});

/** The first `sh` block below a heading. */
function shellBlock(markdown: string, heading: string): string {
  const section = markdown.split(`## ${heading}\n`)[1] ?? '';
  const block = /```sh\n([\s\S]*?)```/.exec(section)?.[1];
  if (block === undefined) throw new Error(`no sh block below “${heading}”`);
  return block;
}
