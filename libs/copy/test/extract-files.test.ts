import { postgres18, runProcess } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { verifyExtract } from '../src/index.ts';
import { PartFile } from '../src/extract/sink/part-file.ts';
import { StandardOutput } from '../src/extract/sink/standard-output.ts';
import { ownTag, tagText } from '../src/extract/sink/writer-tag.ts';
import { expectNothingPublished, useExtracting } from './extracting.ts';

const ROWS = { from: { query: 'select i from generate_series(1, 1000) i' } };
const BOTH = ['out.csv', 'out.csv.manifest.json'];

describe('the files of an extract', () => {
  const extracting = useExtracting(postgres18());
  const { extract, names, text, path } = extracting;
  const verify = async (): Promise<string | undefined> =>
    (await verifyExtract(path('out.csv.manifest.json'))).error?.code;

  it.each([['out.csv'], ['out.csv.manifest.json']])('replace no %s unasked', async (name) => {
    await writeFile(path(name), 'precious');
    const outcome = await extract(ROWS);
    expect(outcome.error).toMatchObject({ code: 'SINK_EXISTS' });
    await expectNothingPublished(extracting, outcome, [name]);
    expect(await text(name)).toBe('precious');
  });

  it('replace no file that has appeared meanwhile', async () => {
    let isThere = false;
    const outcome = await extract(ROWS, {
      onProgress: ({ phase }) => {
        if (phase !== 'publish' || isThere) return;
        isThere = true;
        execFileSync('sh', ['-c', `echo mine > '${path('out.csv')}'`]);
      },
    });
    expect(outcome.error).toMatchObject({ code: 'SINK_EXISTS' });
    await expectNothingPublished(extracting, outcome, ['out.csv']);
    expect(await text()).toBe('mine\n');
  });

  it('tell everybody who waits that there is room again, or that there will be none', async () => {
    const part = await PartFile.create(extracting.folder, '.part', 'part');
    const large = Buffer.alloc(2 ** 21);
    const rooms = [part.write(large), part.write(large), part.write(large)];
    await part.finish();
    for (const room of rooms) await room;

    const reader = new PassThrough();
    const output = new StandardOutput(reader, () => undefined);
    const waiting = [output.write(large), output.write(large)];
    reader.destroy();
    for (const each of waiting) {
      await expect(each).rejects.toMatchObject({ code: 'SINK_CLOSED' });
    }
  });

  it('replace others when told to, with their permissions, and through a link', async () => {
    await mkdir(path('real'));
    await writeFile(path('real/data.csv'), 'old');
    await chmod(path('real/data.csv'), 0o640);
    await symlink('real/data.csv', path('out.csv'));
    await extract({ ...ROWS, overwrite: true });
    expect((await lstat(path('out.csv'))).isSymbolicLink()).toBe(true);
    expect((await text()).split('\n')).toHaveLength(1002);
    expect((await stat(path('real/data.csv'))).mode & 0o777).toBe(0o640);
    expect(await names()).toEqual(['out.csv', 'real']);
    expect((await verifyExtract(path('real/data.csv.manifest.json'))).error).toBeUndefined();
  });

  it('of a series replace the whole series', async () => {
    const split = { ...ROWS, rowsPerFile: 200 };
    await extract(split);
    expect((await extract(split)).error).toMatchObject({ code: 'SINK_EXISTS' });
    await writeFile(path('out-other.csv'), 'not of the series');
    const { report } = await extract({ ...split, rowsPerFile: 400, overwrite: true });
    expect(await names()).toEqual([
      ...report.files.map(({ name }) => name),
      ...['out-other.csv', 'out.csv.manifest.json'],
    ]);
    expect(report.files.map(({ rows }) => rows)).toEqual([400, 400, 200]);
    expect(await verify()).toBeUndefined();
  });

  it('have no name before they are whole', async () => {
    const seen: string[][] = [];
    const outcome = await extract(
      { from: { query: `select repeat('x', 1000) from generate_series(1, 3000)` } },
      {
        onProgress: ({ phase }) => {
          const listed = execFileSync('ls', ['-A', extracting.folder], { encoding: 'utf8' });
          if (phase === 'copy' || phase === 'publish') seen.push(listed.trim().split('\n'));
        },
      },
    );
    expect(outcome.error).toBeUndefined();
    expect(seen.length).toBeGreaterThan(3);
    for (const all of seen) {
      expect(all.filter((name) => name !== '' && !/^\..*\.part$/.test(name))).toEqual([]);
    }
  });

  it('that a killed extract has left are removed; those of a living one are not', async () => {
    const dead = runProcess('true', []);
    await dead.exit;
    const mine = tagText(ownTag());
    const part = (tag: string): string => `.out.csv.${tag}.1.part`;
    const killed = tagText({ ...ownTag(), pid: dead.pid });
    const reused = tagText({ ...ownTag(), start: '1' });
    const elsewhere = tagText({ ...ownTag(), place: '00000000' });
    for (const tag of [killed, reused, elsewhere, mine]) await writeFile(path(part(tag)), 'half');
    await writeFile(path(`.other.csv.${killed}.1.part`), 'of another extract');
    const { report } = await extract(ROWS);
    expect(report.warnings.map(({ code }) => code)).toEqual([
      'LEFTOVERS_REMOVED',
      'LEFTOVERS_KEPT',
    ]);
    expect(await names()).toEqual(
      [`.other.csv.${killed}.1.part`, part(elsewhere), part(mine), ...BOTH].sort(),
    );
  });

  it.each([
    ['the folder is missing', 'nowhere/out.csv'],
    ['the folder is a file', 'file/out.csv'],
    ['the target is a folder', 'folder'],
    ['the target is a device', '/dev/full'],
  ])('are refused before the server is asked when %s', async (_, name) => {
    await mkdir(path('folder'));
    await writeFile(path('file'), '');
    let isAsked = false;
    const outcome = await extract(
      { ...ROWS, to: { path: name.startsWith('/') ? name : path(name) }, overwrite: true },
      {
        connection: () => {
          isAsked = true;
          throw new Error('asked');
        },
      },
    );
    expect(outcome.error).toMatchObject({ code: 'SINK_UNWRITABLE' });
    await expectNothingPublished(extracting, outcome, ['file', 'folder']);
    expect(isAsked).toBe(false);
  });

  it.each([
    ['before the first file', 'out.csv', 1],
    ['before the manifest', 'out.csv.manifest.json', 2],
  ])('are all taken back when publishing fails %s', async (_, name) => {
    // A folder of that name appears after the check: no rename can replace it.
    let isThere = false;
    const outcome = await extract(
      { ...ROWS, overwrite: true },
      {
        onProgress: ({ phase }) => {
          if (phase !== 'publish' || isThere) return;
          isThere = true;
          execFileSync('mkdir', ['-p', path(`${name}/x`)]);
        },
      },
    );
    expect(outcome.error?.code).toMatch(/^SINK_/);
    await expectNothingPublished(extracting, outcome, [name]);
  });

  describe('are verified', () => {
    it('as written', async () => {
      await extract(ROWS);
      const { report } = await verifyExtract(path('out.csv.manifest.json'));
      expect(report).toMatchObject({ status: 'verified', files: 1, rows: 1000, faults: [] });
    });

    it.each<[string, () => Promise<unknown>]>([
      ['cut', () => truncate(path('out.csv'), 100)],
      ['changed', async () => writeFile(path('out.csv'), (await text()).replace('7', '8'))],
      ['gone', () => rm(path('out.csv'))],
      ['renamed', () => rename(path('out.csv'), path('else.csv'))],
    ])('and found %s', async (_, spoil) => {
      await extract(ROWS);
      await spoil();
      const { report, error } = await verifyExtract(path('out.csv.manifest.json'));
      expect(error).toMatchObject({ code: 'MANIFEST_MISMATCH' });
      expect(report).toMatchObject({ status: 'failed', faults: [{ file: 'out.csv' }] });
    });

    it.each<[string, () => Promise<unknown>]>([
      ['cut', () => truncate(path('out.csv.manifest.json'), 100)],
      ['gone', () => rm(path('out.csv.manifest.json'))],
      ['another file', () => writeFile(path('out.csv.manifest.json'), '{"manifest": 2}')],
      [
        'made to lead elsewhere',
        async () =>
          writeFile(
            path('out.csv.manifest.json'),
            (await text('out.csv.manifest.json')).replace('"out.csv"', '"../out.csv"'),
          ),
      ],
    ])('only with a manifest, not one that is %s', async (_, spoil) => {
      await extract(ROWS);
      await spoil();
      expect(await verify()).toBe('MANIFEST_INVALID');
    });
  });

  it('have the digest and the size of what is stored', async () => {
    const { report } = await extract({ ...ROWS, compression: 'gzip' });
    expect((await stat(path('out.csv'))).size).toBe(report.bytesWritten);
    expect(report.bytesWritten).toBeLessThan(report.bytesRead);
    expect(await verify()).toBeUndefined();
  });
});
