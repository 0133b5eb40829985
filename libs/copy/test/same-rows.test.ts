import { anyServer } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';
import { DUCKDB_QUERY, ROWS, STORED_SQL, storedRow, TABLE_SQL, VALUES } from './every-type.ts';
import { duckdbFile } from './parquet-writing.ts';

const NAMES = ['id', ...VALUES.map((_, i) => `c${String(i)}`)];
const CELLS = ROWS.map((row) => Object.values(storedRow(row)));

/** Quoted whatever it is: an empty text is none of NULL. */
function csv(): string {
  const lines = CELLS.map((cells) =>
    cells.map((cell) => (cell === null ? '' : `"${cell.replaceAll('"', '""')}"`)).join(','),
  );
  return `${[NAMES.join(','), ...lines].join('\n')}\n`;
}

/** Numbers and truth values as JSON has them, where it does; documents as they are. */
function jsonLines(): string {
  const lines = CELLS.map((cells) => {
    const members = cells.map((cell, i) => {
      const type = VALUES[i - 1]?.[1] ?? 'int';
      const isPlain = /^(-?(0|[1-9]\d*)(\.\d+)?|true|false)$/.test(cell ?? '') && type !== 'text';
      const json = isPlain || type === 'json' ? cell : JSON.stringify(cell);
      return `"${NAMES[i] ?? ''}":${json ?? 'null'}`;
    });
    return `{${members.join(',')}}\n`;
  });
  return lines.join('');
}

describe.each(anyServer())('the same rows on $name', (server) => {
  const loading = useLoading(server);
  const { db } = loading;

  it('give the same table and the same counts as CSV, packed or not, JSON Lines and Parquet', async () => {
    const parquet = await duckdbFile(DUCKDB_QUERY);
    const packed = (program: string): Buffer => execFileSync(program, ['-c'], { input: csv() });
    const forms: readonly (readonly [name: string, content: string | Buffer])[] = [
      ['rows.csv', csv()],
      ['rows.csv.gz', gzipSync(csv())],
      ['rows.csv.zst', packed('zstd')],
      ['rows.csv.bz2', packed('bzip2')],
      ['rows.jsonl', jsonLines()],
      ['rows.jsonl.gz', gzipSync(jsonLines())],
      ['rows.parquet', await readFile(parquet)],
    ];
    await db.sql(`set timezone = 'UTC'; ${TABLE_SQL}`);
    for (const onError of ['abort', 'continue'] as const) {
      for (const [name, content] of forms) {
        await db.sql('truncate t');
        const path = await loading.write(content, name);
        const report = await loading.load(path, { onError, force: true });
        expect([name, report.error]).toEqual([name, null]);
        expect({ name, ...report }).toMatchObject({
          ...{ name, rowsParsed: ROWS.length, rowsLoaded: ROWS.length },
          ...{ rowsRejected: 0, rowsSkipped: 0 },
        });
        expect([name, ...(await db.sql(STORED_SQL))]).toEqual([name, ...ROWS.map(storedRow)]);
      }
    }
  });
});
