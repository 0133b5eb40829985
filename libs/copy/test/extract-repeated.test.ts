import { postgres18 } from '@copyline/testkit';
import { randomUUID } from 'node:crypto';
import { link, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { ownTag, tagText } from '../src/extract/sink/writer-tag.ts';
import { findPublished, verifyExtract } from '../src/index.ts';
import { expectNothingPublished, useExtracting } from './extracting.ts';

const ROWS = { from: { query: 'select i from generate_series(1, 1000) i' } };
const BOTH = ['out.csv', 'out.csv.manifest.json'];

describe('an extract that is run again under its id', () => {
  const extracting = useExtracting(postgres18());
  const { extract, names, path } = extracting;
  const extractId = randomUUID();
  const inode = async (): Promise<number> => (await stat(path('out.csv'))).ino;
  const verify = async (): Promise<string | undefined> =>
    (await verifyExtract(path('out.csv.manifest.json'))).error?.code;
  const find = (id: string): ReturnType<typeof findPublished> =>
    findPublished({ ...ROWS, to: { path: path('out.csv') } }, { extractId: id, database: 'd' });

  /** Part files as a run of that owner would have left them that was killed on another machine. */
  async function leftover(owner: string, ordinal: number, of?: string): Promise<string> {
    const tag = tagText({ ...ownTag(owner), place: '00000000' });
    const name = `.out.csv.${tag}.${String(ordinal)}.part`;
    await (of === undefined ? writeFile(path(name), 'half') : link(path(of), path(name)));
    return name;
  }

  it.each([false, true])('is what was published (overwrite: %s)', async (overwrite) => {
    const first = await extract({ ...ROWS, overwrite }, { extractId });
    const before = await inode();
    const again = await extract({ ...ROWS, overwrite }, { extractId });
    expect(await inode()).toBe(before);
    expect(again.error).toBeUndefined();
    expect(again.report).toMatchObject({
      extractId,
      status: 'extracted',
      manifest: first.report.manifest,
      files: first.report.files,
      rowsExtracted: 1000,
      warnings: [{ code: 'PUBLISHED_BEFORE' }],
    });
    expect(await find(extractId)).toMatchObject({ rowsExtracted: 1000, extractId });
    expect(await find(randomUUID())).toBeUndefined();
    expect(await names()).toEqual(BOTH);
  });

  it('of another id is another one', async () => {
    await extract(ROWS, { extractId });
    const other = await extract(ROWS, { extractId: randomUUID() });
    expect(other.error).toMatchObject({ code: 'SINK_EXISTS' });
  });

  it('removes what an earlier run has left, wherever that ran, and nothing of others', async () => {
    await leftover(extractId, 1);
    await leftover(extractId, 2);
    const foreign = await leftover(randomUUID(), 1);
    const { report } = await extract(ROWS, { extractId });
    expect(report.warnings.map(({ code }) => code)).toEqual([
      ...['LEFTOVERS_REMOVED', 'LEFTOVERS_KEPT'],
    ]);
    expect(await names()).toEqual([foreign, ...BOTH]);
  });

  it('takes a name back that was given before the manifest’s', async () => {
    await extract(ROWS, { extractId });
    await rm(path('out.csv.manifest.json'));
    await leftover(extractId, 1, 'out.csv');
    await leftover(extractId, 2);
    expect(await find(extractId)).toBeUndefined();
    expect(await names()).toEqual([]);

    await writeFile(path('out.csv'), 'of somebody else');
    await leftover(extractId, 1);
    const { error } = await extract(ROWS, { extractId });
    expect(error).toMatchObject({ code: 'SINK_EXISTS' });
    expect(await extracting.text()).toBe('of somebody else');
  });

  it('is not taken for unpublished when its manifest cannot be read', async () => {
    await symlink('out.csv.manifest.json', path('out.csv.manifest.json'));
    const unreadable = {
      code: 'SINK_UNWRITABLE',
      message: expect.stringContaining('ELOOP') as string,
    };
    await expect(find(extractId)).rejects.toMatchObject(unreadable);
    expect((await extract(ROWS, { extractId })).error).toMatchObject(unreadable);
    expect(await names()).toEqual(['out.csv.manifest.json']);

    await rm(path('out.csv.manifest.json'));
    await writeFile(path('out.csv.manifest.json'), '{}');
    expect(await find(extractId)).toBeUndefined();
  });

  it('leaves published files alone whose part files are still there', async () => {
    await extract(ROWS, { extractId });
    await leftover(extractId, 1, 'out.csv');
    await leftover(extractId, 2, 'out.csv.manifest.json');
    const again = await extract(ROWS, { extractId });
    expect(again.report.warnings.map(({ code }) => code)).toContain('PUBLISHED_BEFORE');
    expect(await names()).toEqual(BOTH);
    expect(await verify()).toBeUndefined();
  });

  it.each([false, true])(
    'keeps an earlier run that still lives from publishing (overwrite: %s)',
    async (overwrite) => {
      let newer: Awaited<ReturnType<typeof extract>> | undefined;
      const older = await extract(
        { ...ROWS, overwrite },
        {
          extractId,
          beforePublish: async () => {
            newer = await extract({ ...ROWS, overwrite }, { extractId });
          },
        },
      );
      expect(newer?.error).toBeUndefined();
      expect(older.error?.code).toMatch(/^SINK_/);
      expect(await names()).toEqual(BOTH);
      expect(await verify()).toBeUndefined();
    },
  );

  it('publishes nothing when it is told to stop at the last moment', async () => {
    const controller = new AbortController();
    const beforePublish = (): Promise<void> => {
      controller.abort();
      return Promise.resolve();
    };
    const outcome = await extract(ROWS, { extractId, beforePublish }, controller.signal);
    expect(outcome.error).toMatchObject({ code: 'INTERRUPTED' });
    await expectNothingPublished(extracting, outcome);
  });

  it('is not written through a link that leads out of its folder', async () => {
    await symlink('/tmp', path('link'));
    const to = {
      path: path('link/out.csv'),
      within: extracting.folder,
      name: 'outbox:link/out.csv',
    };
    const outcome = await extract({ ...ROWS, to });
    expect(outcome.error).toMatchObject({ code: 'SINK_FORBIDDEN' });
    expect(outcome.report.to).toBe('outbox:link/out.csv');
    const inside = await extract({
      ...ROWS,
      to: { path: path('out.csv'), within: extracting.folder, name: 'outbox:out.csv' },
    });
    expect(inside.report).toMatchObject({
      to: 'outbox:out.csv',
      manifest: 'outbox:out.csv.manifest.json',
    });
    expect(JSON.stringify(inside.report)).not.toContain(extracting.folder);
  });
});
