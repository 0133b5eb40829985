import { connect } from '@copyline/dws-client';
import { postgres18 } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { describeTable, validateLoad } from '../src/index.ts';
import { expectNothingStored, useLoading } from './csv-loading.ts';

/** The programs that people pack with. */
const pack = (program: string, content: Buffer, ...flags: string[]): Buffer =>
  execFileSync(program, [...flags, '-c'], { input: content, maxBuffer: 2 ** 30 });
const PACKERS: Readonly<Record<string, (content: Buffer) => Buffer>> = {
  gzip: (content) => gzipSync(content),
  zstd: (content) => pack('zstd', content, '-q'),
  bzip2: (content) => pack('bzip2', content, '-1'),
};
const METHODS = Object.keys(PACKERS);

const packed = (method: string, content: string | Buffer): Buffer =>
  (PACKERS[method] as (bytes: Buffer) => Buffer)(Buffer.from(content));

/** Some 600 kB that pack badly: several blocks of every method. */
function rows(count: number): string {
  let seed = 7;
  const lines = Array.from({ length: count }, (_, i) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return `${String(i)},${(seed * 9_301 + i).toString(36)}${seed.toString(36)}\n`;
  });
  return `a,b\n${lines.join('')}`;
}
const ROWS = 30_000;
const CONTENT = rows(ROWS);

// What is unpacked is no affair of the server's.
describe.each([postgres18()])('packed files on $name', (server) => {
  const loading = useLoading(server);
  const table = (): Promise<unknown> => loading.db.sql('create table t (a int, b text)');
  const sum = async (): Promise<unknown> =>
    (
      await loading.db.sql(
        `select count(*)::int as n, md5(string_agg(a || b, ',' order by a)) as h from t`,
      )
    )[0];

  it.each(METHODS)(
    '%s: the same table and content as unpacked, known again either way',
    async (method) => {
      await table();
      const bytes = packed(method, CONTENT);
      // Told by its content: the name says nothing, or something else.
      const report = await loading.load(await loading.write(bytes, 'orders.csv'));
      expect(report).toMatchObject({
        error: null,
        rowsLoaded: ROWS,
        bytesRead: bytes.length,
        lane: { name: 'binary', rowsBinary: ROWS },
      });
      const stored = await sum();
      const plain = await loading.load(await loading.write(CONTENT, 'orders.csv.gz'));
      expect(plain).toMatchObject({ deduplicated: true, rowsLoaded: ROWS });
      expect(plain.files[0]?.digest).toBe(report.files[0]?.digest);
      await loading.db.sql('truncate t');
      await loading.load(await loading.write(CONTENT), { ledger: 'none' });
      expect(await sum()).toEqual(stored);
    },
  );

  it.each(METHODS)(
    'F41 %s in several members, cut, damaged, with garbage behind it',
    async (method) => {
      await table();
      const content = CONTENT.slice(0, CONTENT.indexOf('\n8000,') + 1);
      const halves = [content.slice(0, 90_000), content.slice(90_000), ''];
      const whole = Buffer.concat(halves.map((half) => packed(method, half)));
      const report = await loading.load(await loading.write(whole), { ledger: 'none' });
      expect(report).toMatchObject({ error: null, rowsLoaded: 8000 });
      await loading.db.sql('truncate t');
      const one = packed(method, content);
      const flipped = Buffer.from(one);
      flipped.writeUInt8((one[one.length >> 1] ?? 0) ^ 0x55, one.length >> 1);
      const faults = [
        one.subarray(0, one.length - 1),
        one.subarray(0, one.length >> 1),
        Buffer.concat([one, one.subarray(0, 20)]),
        Buffer.concat([one, Buffer.from('and then some')]),
        flipped,
      ];
      for (const fault of faults) {
        const failed = await loading.load(await loading.write(fault), { onError: 'continue' });
        expect(failed.error).toMatchObject({ code: 'ARCHIVE_CORRUPT', retry: 'never' });
        expect(failed.error?.byteOffset).not.toBeNull();
        expect(await loading.db.sql('select count(*)::int as n from t')).toEqual([{ n: 0 }]);
      }
    },
  );

  it.each(METHODS)('%s: a refused value is placed in the unpacked content', async (method) => {
    await table();
    const text = `# note\n${CONTENT}7,"x\ny"\nz,1\n`;
    const path = await loading.write(packed(method, text));
    for (const lane of ['binary', 'byte'] as const) {
      const report = await loading.load(path, { lane, dialect: { skipLines: 1 } });
      expect(report.error).toMatchObject({
        code: 'VALUE_REFUSED',
        record: ROWS + 2,
        line: ROWS + 5,
        column: 'a',
        byteOffset: text.length - 4,
        excerpt: 'z',
      });
    }
  });

  it('continue mode keeps records as they are, under their header', async () => {
    await table();
    const path = await loading.write(packed('zstd', `a,b\n1,x\n2,y,z\nq,\n3,\n`));
    const settings = { onError: 'continue', rejectsFile: `${path}.rejects` } as const;
    const report = await loading.load(path, settings);
    expect(report).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 2 });
    expect(report.rejects).toMatchObject([
      { record: 2, line: 3, byteOffset: 12, code: 'FIELD_COUNT' },
      { record: 3, line: 4, byteOffset: 14, code: 'VALUE_REFUSED' },
    ]);
    expect(execFileSync('cat', [`${path}.rejects`], { encoding: 'utf8' })).toBe('a,b\n2,y,z\nq,\n');
    // A share is one of all records: known at the end.
    await loading.db.sql('truncate t');
    for (const [rejectLimit, code] of [
      ['50%', undefined],
      ['49%', 'REJECT_LIMIT_EXCEEDED'],
    ] as const) {
      const limited = await loading.load(path, {
        onError: 'continue',
        rejectLimit,
        slot: rejectLimit,
      });
      expect(limited.error?.code).toBe(code);
    }
  });

  it('C60 bombs end at the limits, in little memory; an archive in an archive is not opened', async () => {
    await table();
    const line = `0,${'0'.repeat(1021)}\n`;
    const bomb = packed('zstd', line.repeat(66 * 1024));
    const before = process.memoryUsage().rss;
    const dense = await loading.load(await loading.write(bomb), { dialect: { header: false } });
    expect(dense.error).toMatchObject({ code: 'ARCHIVE_TOO_LARGE', commitState: 'rolled_back' });
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
    // bzip2 is slow to unpack: a lower limit shows the same.
    const slow = await loading.write(packed('bzip2', line.repeat(20 * 1024)));
    const told = { dialect: { header: false }, maxUnpackedBytes: 8 * 2 ** 20 };
    expect((await loading.load(slow, told)).error).toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
    const path = await loading.write(packed('gzip', CONTENT));
    const large = await loading.load(path, { maxUnpackedBytes: 300_000 });
    expect(large.error).toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
    const nested = await loading.load(
      await loading.write(packed('gzip', packed('zstd', 'a\n1\n'))),
    );
    expect(nested.error).toMatchObject({ code: 'NOT_CSV' });
    expect(nested.error?.message).toContain('zstd data, packed with gzip');
    await expectNothingStored(loading, nested);
  });

  it('what needs the end of a file first is refused; nothing inside is an empty source', async () => {
    await table();
    const path = await loading.write(packed('gzip', CONTENT));
    const footer = await loading.load(path, { dialect: { skipFooter: 1 } });
    expect(footer.error).toMatchObject({ code: 'ARCHIVE_UNSUITABLE' });
    await writeFile(path, packed('gzip', ''));
    expect((await loading.load(path)).error).toMatchObject({ code: 'EMPTY_SOURCE' });
    await truncate(path, 0);
    expect((await loading.load(path)).error).toMatchObject({ code: 'EMPTY_SOURCE' });
  });

  it('is validated and described as what it holds', async () => {
    await table();
    const path = await loading.write(packed('zstd', 'a,b\n1,x\nq,\n'), 'in.csv.zst');
    const { report } = await validateLoad(
      { source: { path }, into: `${loading.db.schema}.t` },
      { connect: () => connect({ target: loading.db.url() }), database: 'd' },
    );
    expect(report).toMatchObject({ status: 'invalid', rowsValid: 1, isComplete: true });
    expect(report.rejects).toMatchObject([{ record: 2, line: 3, column: 'a' }]);
    const { columns } = await describeTable({ source: { path }, into: 't' }, () => undefined);
    expect(columns.map(({ type }) => type)).toEqual(['text', 'text']);
  });

  it('makes the table, and reads other encodings', async () => {
    const text = `a;b\n1;é€\n2;\n`;
    const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
    const path = await loading.write(packed('bzip2', bytes));
    const report = await loading.load(path, { create: true, dialect: { delimiter: ';' } });
    expect(report).toMatchObject({ error: null, rowsLoaded: 2 });
    expect(await loading.db.sql('select a::int, b from t order by a')).toEqual([
      { a: 1, b: 'é€' },
      { a: 2, b: null },
    ]);
  });
});
