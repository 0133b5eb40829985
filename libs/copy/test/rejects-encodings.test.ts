import type { CsvDialect } from '@copyline/contracts';
import { connect } from '@copyline/dws-client';
import { anyServer } from '@copyline/testkit';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { replayRejects } from '../src/index.ts';
import { useLoading } from './csv-loading.ts';

type Encoding = NonNullable<CsvDialect['encoding']>;

/** UTF-16 as it comes from Windows, with a byte order mark that tells it; the others must be named. */
const FILES: readonly (readonly [Encoding, mark: string, bad: Buffer])[] = [
  ['utf-16le', '\ufeff', Buffer.of(0x3d, 0xd8)],
  ['utf-16be', '\ufeff', Buffer.of(0xd8, 0x3d)],
  ['latin-1', '', Buffer.from(',')],
  ['cp1252', '', Buffer.of(0x81)],
];

describe.each(anyServer())('rejects of a file in another encoding, on $name', (server) => {
  const loading = useLoading(server);

  it.each(FILES)('%s: keep its bytes, and load again', async (encoding, mark, invalid) => {
    const { db } = loading;
    const write = (text: string): Buffer => encode(text, encoding);
    const head = write(`${mark}a,naïve\r\n`);
    const bad = [
      write('é,"x\r\ny"\r\n'),
      Buffer.concat([write('4,'), invalid, write('ü\r\n')]),
      write('5,ß,\r\n'),
      // The last line has no end.
      write('z,ÿ'),
    ];
    const good = [write('1,à\r\n'), write('2,"ö\r\n"\r\n')];
    await db.sql('create table t (a int, naïve text)');
    const path = await loading.write(Buffer.concat([head, ...good, ...bad]));
    const dialect = mark === '' ? { encoding } : {};
    const settings = { onError: 'continue', dialect, rejectsFile: `${path}.rejects` } as const;
    const report = await loading.load(path, settings);
    expect(report).toMatchObject({ error: null, rowsParsed: 6, rowsLoaded: 2, rowsRejected: 4 });
    const invalidCode = encoding === 'latin-1' ? 'FIELD_COUNT' : 'INVALID_ENCODING';
    expect(report.rejects).toMatchObject([
      { record: 3, line: 5, column: 'a', excerpt: 'é', code: 'VALUE_REFUSED', byteOffset: null },
      { record: 4, line: 7, code: invalidCode, byteOffset: null },
      { record: 5, line: 8, code: 'FIELD_COUNT' },
      { record: 6, line: 9, column: 'a', excerpt: 'z' },
    ]);
    const rejects = await readFile(`${path}.rejects`);
    expect(rejects.toString('hex')).toBe(Buffer.concat([head, ...bad]).toString('hex'));

    // With the same flags they are the same rejects again; and so they are for a replay.
    const again = await loading.load(`${path}.rejects`, { onError: 'continue', dialect });
    expect(again).toMatchObject({ error: null, rowsParsed: 4, rowsRejected: 4 });
    await db.sql('alter table t alter a type text');
    const { report: replayed } = await replayRejects(
      report.loadId ?? '',
      { ledgerSchema: db.schema },
      { connect: () => connect({ target: db.url() }), database: db.database },
    );
    expect(replayed).toMatchObject({ error: null, rowsLoaded: 2, rowsRejected: 2 });
    expect(await db.sql('select a, naïve as text from t order by a collate "C"')).toEqual([
      { a: '1', text: 'à' },
      { a: '2', text: 'ö\r\n' },
      { a: 'z', text: 'ÿ' },
      { a: 'é', text: 'x\r\ny' },
    ]);
  });
});

function encode(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le');
  if (encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
  return Buffer.from(text, 'latin1');
}
