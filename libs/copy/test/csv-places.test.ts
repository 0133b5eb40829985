import { anyServer } from '@copyline/testkit';
import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { dialectBytes } from '../src/csv/dialect.ts';
import { generatedCsv, LOADS, writeField } from './csv-arbitrary.ts';
import { useLoading } from './csv-loading.ts';
import { scanInSteps } from './csv-scanning.ts';

/**
 * The server counts lines its own way, of what it was sent. Whatever stands in front of the record
 * that it refuses (quoted line ends of any kind, mixed line ends, `\.`), the place told is the one
 * in the file.
 */
describe.each(anyServer())('a record that $name refuses', (server) => {
  const loading = useLoading(server);

  it('is placed in any file', async () => {
    const { db } = loading;
    const folder = await mkdtemp(join(tmpdir(), 'copyline-places-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    for (let width = 1; width <= 4; width += 1) {
      const more = Array.from({ length: width - 1 }, (_, i) => `, c${String(i + 1)} text`).join('');
      await db.sql(`create table t${String(width)} (c0 text check (c0 <> 'BOOM')${more})`);
    }
    let run = 0;
    await fc.assert(
      fc.asyncProperty(generatedCsv, fc.nat(), async (csv, pick) => {
        fc.pre(csv.records.length > 0 && !csv.text.startsWith('\ufeff'));
        const dialect = { ...csv.dialect, header: false, skipLines: 0, skipBlankLines: false };
        const at = pick % csv.records.length;
        const record = csv.records[at] ?? [];
        const [first] = record;
        if (first === undefined) return;
        const { records } = scanInSteps(
          Buffer.from(csv.text),
          {
            dialect: dialectBytes(dialect),
            blankLines: record.length === 1 ? 'record' : 'trailing',
            maxRecordBytes: 1e6,
          },
          1e6,
        );
        const place = records[at];
        const bytes = Buffer.from(csv.text);
        const from = place?.byteOffset ?? 0;
        const rest = bytes.subarray(from + Buffer.byteLength(writeField(first, csv.dialect)));
        run += 1;
        const path = join(folder, `${String(run)}.csv`);
        await writeFile(path, Buffer.concat([bytes.subarray(0, from), Buffer.from('BOOM'), rest]));
        const report = await loading.load(path, {
          into: `${db.schema}.t${String(record.length)}`,
          dialect,
          ledger: 'none',
        });
        expect(report.error).toMatchObject({
          code: 'CONSTRAINT_VIOLATED',
          located: true,
          record: at + 1,
          line: place?.line,
          byteOffset: from,
        });
      }),
      { numRuns: LOADS },
    );
  });
});
