import { testServers } from '@copyline/testkit';
import fc from 'fast-check';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyOptions } from '../src/csv/dialect.ts';
import { generatedCsv, LOADS, oracleText, type GeneratedCsv } from './csv-arbitrary.ts';
import { lanesOf, useLoading } from './csv-loading.ts';

const WIDTHS = [1, 2, 3, 4];
const columnsOf = (width: number): string[] =>
  Array.from({ length: width }, (_, i) => `c${String(i)}`);

/**
 * The promise "no value is ever altered", against the server itself: what a load stores is what a
 * plain COPY of the same records stores. The server reads a file that any version reads alike: one
 * line end, `\.` quoted, no header, no blank lines.
 */
describe.each(testServers())('what a load stores on $name', (server) => {
  const loading = useLoading(server);

  it('is what the server stores of the same records', async () => {
    const { db } = loading;
    const folder = await mkdtemp(join(tmpdir(), 'copyline-differential-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    // The server reads the oracle's file, and may run as another user.
    await chmod(folder, 0o755);
    for (const width of WIDTHS) {
      const columns = columnsOf(width).map((name) => `${name} text`);
      await db.sql(`create table loaded_${width} (${columns.join(', ')})`);
      await db.sql(`create table copied_${width} (${columns.join(', ')})`);
    }
    let run = 0;
    const lane = fc.constantFrom(...lanesOf(server));
    await fc.assert(
      fc.asyncProperty(generatedCsv, fc.boolean(), lane, async (csv, header, lane) => {
        // Without a header a first U+FEFF is a byte order mark: for us, not for the server.
        fc.pre(csv.records.length > 0 && (header || !csv.text.startsWith('\ufeff')));
        const width = csv.records[0]?.length ?? 1;
        run += 1;
        const [path, oraclePath] = [join(folder, `${run}.csv`), join(folder, `${run}.oracle`)];
        await writeFile(path, (header ? headerOf(csv, width) : '') + csv.text);
        await writeFile(oraclePath, oracleText(csv));
        await db.sql(`truncate loaded_${width}, copied_${width}`);
        const dialect = { ...csv.dialect, header, skipLines: 0, skipBlankLines: false };
        await db.sql(`copy copied_${width} from '${oraclePath}' ${copyOptions(dialect)}`);
        const report = await loading.load(path, {
          into: `${db.schema}.loaded_${width}`,
          dialect,
          ledger: 'none',
          lane,
        });
        expect(report.error).toBeNull();
        expect(report.rowsLoaded).toBe(csv.records.length);
        const all = columnsOf(width).join(', ');
        const different = await db.sql(
          `(select 'only loaded' as where_, * from (select ${all} from loaded_${width} except all select ${all} from copied_${width}) x)
            union all
           (select 'only copied', * from (select ${all} from copied_${width} except all select ${all} from loaded_${width}) y)`,
        );
        expect(different).toEqual([]);
      }),
      { numRuns: LOADS },
    );
  });
});

function headerOf({ lineEnds, dialect }: GeneratedCsv, width: number): string {
  const lineEnd = { lf: '\n', crlf: '\r\n', mixed: '\n', cr: '\r' }[lineEnds];
  return columnsOf(width).join(dialect.delimiter) + lineEnd;
}
