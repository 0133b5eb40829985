import { loadSpecSchema, type CsvDialect } from '@copyline/contracts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LocalFile } from './local-file.ts';
import { readSourceHead, type SourceHead } from './source-head.ts';

const BLOCK = 64 * 1024;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copyline-head-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function headOf(
  content: string | Buffer,
  dialect: Partial<CsvDialect> = {},
): Promise<SourceHead> {
  const path = join(folder, 'head.csv');
  await writeFile(path, content);
  await using file = await LocalFile.open({ path });
  return await readSourceHead(file, {
    ...loadSpecSchema.parse({ source: { path }, into: 't', dialect }),
    maxRecordBytes: 1024 * 1024,
  });
}

describe('the head of a file', () => {
  it.each([
    ['a,b\n1,2\n', { header: ['a', 'b'], firstRecordFields: 2, bomBytes: 0, at: 4, lines: 1 }],
    ['a,b\r\n1\r\n', { header: ['a', 'b'], firstRecordFields: 1, at: 5, lines: 1 }],
    ['a,b\r1,2\r', { header: ['a', 'b'], firstRecordFields: 2, at: 4, lines: 1, lineEnd: 'cr' }],
    ['a,b', { header: ['a', 'b'], firstRecordFields: undefined, at: 3 }],
    ['a,b\n', { header: ['a', 'b'], firstRecordFields: undefined, at: 4 }],
    ['\ufeffa,b\n', { header: ['a', 'b'], bomBytes: 3, at: 7 }],
    ['\ufeff"a","b"\n1,2\n', { header: ['a', 'b'], bomBytes: 3, at: 11 }],
    ['\ufeff', { header: undefined, bomBytes: 3 }],
    ['', { header: undefined, bomBytes: 0 }],
    ['"a\n""b",c\n1,2\n', { header: ['a\n"b', 'c'], at: 10, lines: 2 }],
    // A fault of the data is told when the data is read.
    ['a,b\n1,x"\n', { header: ['a', 'b'], at: 4 }],
    // Letters that begin other formats, too.
    ['PAR1,PAR2\n', { header: ['PAR1', 'PAR2'] }],
    ['BZh,BZi\n', { header: ['BZh', 'BZi'] }],
    ['PK,x\n', { header: ['PK', 'x'] }],
  ])('%j', async (content, { at, lines, lineEnd, ...expected }: HeadExpectation) => {
    const head = await headOf(content);
    expect({ ...head, bomBytes: head.reading.bomBytes }).toMatchObject(expected);
    if (at !== undefined) expect(head.dataStart.byteOffset).toBe(at);
    if (lines !== undefined) expect(head.dataStart.lines).toBe(lines);
    if (lineEnd !== undefined) expect(head.dataStart.lineEnd).toBe(lineEnd);
    expect(head.dataStart.records).toBe(0);
  });

  it.each(['\n', '\r\n', '\r'])('counts skipped lines that end in %j', async (end) => {
    const content = ['some "text', '', 'a,b', '1,2', ''].join(end);
    const head = await headOf(content, { skipLines: 2 });
    expect(head).toMatchObject({ header: ['a', 'b'], dataStart: { lines: 3 } });
    expect(content.slice(head.dataStart.byteOffset)).toBe(`1,2${end}`);
  });

  it.each(['\n', '\r\n', '\r'])('finds %j wherever the blocks are cut', async (end) => {
    for (const length of [BLOCK - 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 3 * BLOCK]) {
      const content = `${'x'.repeat(length)}${end}y${end}a,b${end}1,2${end}`;
      const head = await headOf(content, { skipLines: 2 });
      expect(head.header, `${String(length)} bytes`).toEqual(['a', 'b']);
      expect(head.dataStart.lines).toBe(3);
    }
  });

  it.each(['x', 'x\n', 'x\r', 'x\r\ny'])(
    'has nothing left of %j after more lines than there are',
    async (content) => {
      const head = await headOf(content, { skipLines: 5 });
      expect(head.header).toBeUndefined();
      expect(head.dataStart.byteOffset).toBe(content.length);
    },
  );

  it('skips blank lines by option', async () => {
    const head = await headOf('\n\r\na,b\n\n1,2\n', { skipBlankLines: true });
    expect(head).toMatchObject({
      header: ['a', 'b'],
      firstRecordFields: 2,
      dataStart: { lines: 3 },
    });
  });

  it('may have a header larger than any window', async () => {
    const names = Array.from({ length: 50_000 }, (_, i) => `column_${String(i)}`);
    const head = await headOf(`${names.join(',')}\n1\n`);
    expect(head.header).toEqual(names);
    expect(head.firstRecordFields).toBe(1);
  });

  it.each([
    ['utf-16le', Buffer.from('\ufeffa,€\n1,2\n', 'utf16le')],
    ['utf-16be', Buffer.from('\ufeffa,€\n1,2\n', 'utf16le').swap16()],
  ])('is read in the encoding of its byte order mark: %s', async (encoding, content) => {
    const head = await headOf(content);
    expect(head).toMatchObject({ header: ['a', '€'], firstRecordFields: 2 });
    expect(head.reading).toMatchObject({ encoding, bomBytes: 2 });
    await expect(headOf(content, { encoding: 'latin-1' })).rejects.toMatchObject({
      code: 'UNSUPPORTED_ENCODING',
      advice: `Read it with --encoding ${encoding}.`,
    });
  });
});

interface HeadExpectation {
  readonly header?: string[] | undefined;
  readonly firstRecordFields?: number | undefined;
  readonly bomBytes?: number;
  readonly at?: number;
  readonly lines?: number;
  readonly lineEnd?: string;
}

describe('a head that is refused', () => {
  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
  it.each([
    ['gzip', hex('1f8b0800'), 'ARCHIVE_CORRUPT', 'gzip'],
    ['zstd', hex('28b52ffd'), 'ARCHIVE_CORRUPT', 'zstd'],
    ['bzip2', hex('425a6839 314159265359'), 'ARCHIVE_CORRUPT', 'bzip2'],
    ['xz', hex('fd377a585a00'), 'NOT_CSV', 'xz'],
    ['zip', hex('504b0304'), 'NOT_CSV', 'zip'],
    ['PDF', Buffer.from('%PDF-1.7\n'), 'NOT_CSV', 'PDF'],
    ['xls', hex('d0cf11e0a1b11ae1'), 'NOT_CSV', '.xls'],
    ['UTF-16LE', Buffer.from('a,b', 'utf16le'), 'UNSUPPORTED_ENCODING', 'UTF-16LE'],
    ['UTF-16BE', Buffer.from('a,b', 'utf16le').swap16(), 'UNSUPPORTED_ENCODING', 'UTF-16BE'],
    ['UTF-32LE with BOM', hex('fffe0000 61000000'), 'UNSUPPORTED_ENCODING', 'UTF-32LE'],
    ['UTF-32BE with BOM', hex('0000feff 00000061'), 'UNSUPPORTED_ENCODING', 'UTF-32BE'],
    ['UTF-32LE', hex('61000000 2c000000'), 'UNSUPPORTED_ENCODING', 'UTF-32LE'],
    ['UTF-32BE', hex('00000061 0000002c'), 'UNSUPPORTED_ENCODING', 'UTF-32BE'],
    ['a single NUL', Buffer.from('a\0,b\n'), 'NUL_BYTE', 'In the header'],
    ['a broken header', Buffer.from('a,b"c\n'), 'QUOTE_IN_FIELD', 'In the header'],
    [
      'an endless header',
      Buffer.from(`"${'x\n'.repeat(1_000_000)}`),
      'RECORD_TOO_LARGE',
      'In the header',
    ],
  ])('%s', async (_, content, code, words) => {
    await expect(headOf(content)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
      place: { source: join(folder, 'head.csv') },
    });
  });

  it('has a place, but no record', async () => {
    await expect(headOf('x\n"a\n",b"c\n', { skipLines: 1 })).rejects.toMatchObject({
      located: true,
      place: { line: 2, byteOffset: 8, excerpt: 'b"c' },
    });
    await expect(headOf('a,b"c\n')).rejects.not.toHaveProperty('place.record');
  });
});
