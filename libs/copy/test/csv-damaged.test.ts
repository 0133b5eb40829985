import { anyServer } from '@copyline/testkit';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyOptions } from '../src/csv/dialect.ts';
import { generatedCsv, oracleText, type Field, type GeneratedCsv } from './csv-arbitrary.ts';
import { useLoading } from './csv-loading.ts';

const IS_SOAK = process.env['COPYLINE_SOAK'] === '1';
/** On each server; in the soak each goes through all lanes. */
const FILES = IS_SOAK ? 2_000 : 100;

const LANES = ['binary', 'text', 'byte', 'tolerant'] as const;

/** Bytes that mean something to a reader of CSV, or break UTF-8; and ordinary ones. */
const BYTES = [...Buffer.from('\0\n\r"\',;|\t\x01\\.N a', 'latin1'), 0x80, 0xc3, 0xef, 0xff];

const damage = fc.record({
  kind: fc.constantFrom('flip' as const, 'remove', 'insert', 'cut'),
  /** Of the length, so that a smaller file is damaged alike. */
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  byte: fc.constantFrom(...BYTES),
  bit: fc.option(fc.integer({ min: 0, max: 7 })),
});

const damages = fc.array(damage, { minLength: 1, maxLength: 3 });
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

/** What is left of a file after a few things have happened to it. */
function damaged(text: string, damages: readonly Damage[]): Buffer {
  let bytes = Buffer.from(text);
  for (const { kind, at, byte, bit } of damages) {
    const place = Math.floor(at * bytes.length);
    const old = bytes[place] ?? 0;
    const flipped = bit === null ? byte : old ^ (1 << bit);
    const [before, behind] = [bytes.subarray(0, place), bytes.subarray(place + 1)];
    const then = { flip: [flipped], remove: [], insert: [byte, old], cut: [] }[kind];
    bytes = Buffer.concat([before, Buffer.from(then), kind === 'cut' ? Buffer.alloc(0) : behind]);
  }
  return bytes;
}

/** What we refuse and the server takes: it takes quotes anywhere for quotes. */
const STRICTER = ['TEXT_AFTER_QUOTE', 'QUOTE_IN_FIELD'];
/** What the server refuses and we read: see docs/loads.md. */
const WIDER = {
  'line ends of two kinds': /^unquoted (?:newline|carriage return) found in data$/,
  'blank lines at the end': /^missing data for column/,
  'a marker of the end': /^end-of-copy marker/,
} as const;

/**
 * The promise "nothing silent" for files that something has happened to: either the table is what the
 * server's own COPY makes of the file, or both refuse it, or the difference is one of those that are
 * documented. They are counted.
 */
describe.each(anyServer())('what a load stores of damaged files on $name', (server) => {
  const loading = useLoading(server);

  it('is what the server stores, or nothing', async () => {
    const { db } = loading;
    const folder = await mkdtemp(join(tmpdir(), 'copyline-damaged-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    // The server reads the same file, and may run as another user.
    await chmod(folder, 0o755);
    for (let width = 1; width <= 4; width += 1) {
      const columns = columnsOf(width).map((name) => `${name} text`);
      await db.sql(`create table loaded_${width} (${columns.join(', ')})`);
      await db.sql(`create table copied_${width} (${columns.join(', ')})`);
    }
    const outcomes = new Map<string, number>();
    const count = (outcome: string): void => {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    };

    /** What the server's COPY says of a file: what it refuses it for, or undefined. */
    async function copy(path: string, width: number, options: string): Promise<string | undefined> {
      await db.sql(`truncate copied_${width}`);
      try {
        await db.sql(`copy copied_${width} from '${path}' ${options}`);
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    }

    async function different(width: number): Promise<unknown[]> {
      const all = columnsOf(width).join(', ');
      const [loaded, copied] = [
        `select ${all} from loaded_${width}`,
        `select ${all} from copied_${width}`,
      ];
      return db.sql(
        `(select 'only loaded' as where_, * from (${loaded} except all ${copied}) x)
          union all (select 'only copied', * from (${copied} except all ${loaded}) y)`,
      );
    }

    /** The same file as another reader of CSV understands it, in a form that any server reads alike. */
    async function copyParsed(csv: GeneratedCsv, bytes: Buffer, width: number): Promise<void> {
      const path = join(folder, 'parsed');
      await writeFile(path, oracleText({ ...csv, records: parsed(bytes, csv, width) }));
      expect(await copy(path, width, copyOptions(csv.dialect))).toBeUndefined();
    }

    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        generatedCsv,
        damages,
        fc.constantFrom(...LANES),
        async (csv, done, some) => {
          const bytes = damaged(csv.text, done);
          const width = csv.records[0]?.length ?? 1;
          run += 1;
          const path = join(folder, `${String(run)}.csv`);
          await writeFile(path, bytes);
          const dialect = { ...csv.dialect, header: false };
          const theirs = await copy(path, width, copyOptions(csv.dialect));
          const hasMarker = server.major < 18 && bytes.includes('\\.');
          for (const lane of IS_SOAK ? LANES : [some]) {
            await db.sql(`truncate loaded_${width}`);
            const { error, rowsLoaded } = await loading.load(path, {
              ...{ into: `${db.schema}.loaded_${width}`, dialect, lane },
              ...{ ledger: 'none', allowEmpty: true, columns: columnsOf(width) },
            });
            if (error !== null) {
              const rows = await db.sql(`select from loaded_${width}`);
              expect([rowsLoaded, rows.length]).toEqual([0, 0]);
              if (theirs !== undefined) count('both refuse');
              else if (hasMarker)
                count('stricter: behind \\., which ends the data for this server');
              else {
                expect(STRICTER, error.message).toContain(error.code);
                count(`stricter: ${error.code}`);
              }
              continue;
            }
            if (theirs === undefined && (await different(width)).length === 0) {
              count('the same table');
              continue;
            }
            if (theirs === undefined) expect(hasMarker).toBe(true);
            const wider = Object.entries(WIDER).find(([, message]) => message.test(theirs ?? ''));
            if (theirs !== undefined) expect(wider, theirs).toBeDefined();
            await copyParsed(csv, bytes, width);
            expect(await different(width)).toEqual([]);
            count(`wider: ${wider?.[0] ?? '\\. as data'}`);
            // The next lane is held against the file itself again.
            await copy(path, width, copyOptions(csv.dialect));
          }
        },
      ),
      // The same files in every `npm test`; others in each soak.
      { numRuns: FILES, ...(IS_SOAK ? {} : { seed: 5 }) },
    );
    console.log(`${server.name}, damaged files:`, Object.fromEntries([...outcomes].sort()));
  });
});

function columnsOf(width: number): string[] {
  return Array.from({ length: width }, (_, i) => `c${String(i)}`);
}

/** @throws where csv-parse refuses it */
function parsed(bytes: Buffer, { dialect, lineEnds }: GeneratedCsv, width: number): Field[][] {
  const { delimiter, quote, escape = quote } = dialect;
  const records = parse(bytes, {
    ...{ delimiter, quote, escape, bom: true },
    record_delimiter: lineEnds === 'cr' ? '\r' : ['\r\n', '\n'],
    relax_column_count: true,
    cast: (text, { quoting }) => ({ text, quoted: quoting }),
  }) as unknown as Field[][];
  const isBlank = (record: Field[] | undefined): boolean =>
    record?.length === 1 && record[0]?.text === '' && !record[0].quoted;
  while (width > 1 && isBlank(records.at(-1))) records.pop();
  return records;
}
