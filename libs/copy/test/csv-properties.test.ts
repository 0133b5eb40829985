import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { dialectBytes } from '../src/csv/dialect.ts';
import type { ScannerOptions } from '../src/csv/scanning.ts';
import { generatedCsv, RUNS, type GeneratedCsv } from './csv-arbitrary.ts';
import { scanFile, scanInSteps, type Scanned } from './csv-scanning.ts';

const MIB = 1024 * 1024;
const STEPS = [1, 2, 3, 7, 64, MIB];

/** Bytes that mean something to a scanner, or break UTF-8. */
const EVIL_BYTES = [
  ...[0x00, 0x0a, 0x0d, 0x22, 0x27, 0x2c, 0x3b, 0x5c, 0x2e, 0x61, 0x80, 0xbf],
  ...[0xc3, 0xe2, 0xed, 0xf0, 0xf5, 0xff],
];

function optionsFor({ dialect, records }: GeneratedCsv): ScannerOptions {
  const fieldCount = records[0]?.length ?? 1;
  return {
    dialect: dialectBytes(dialect),
    fieldCount,
    blankLines: fieldCount === 1 ? 'record' : 'trailing',
    maxRecordBytes: MIB,
  };
}

describe('records written in any dialect', () => {
  it('are found again, field by field, however the file is cut into windows', () => {
    fc.assert(
      fc.property(generatedCsv, (csv) => {
        const bytes = Buffer.from(csv.text);
        const whole = scanInSteps(bytes, optionsFor(csv), MIB);
        expect(whole.fault).toBeUndefined();
        expect(whole.records.map((record) => record.fields)).toEqual(csv.records);
        expectPositions(whole, bytes, csv);
        for (const step of STEPS) expect(scanInSteps(bytes, optionsFor(csv), step)).toEqual(whole);
      }),
      { numRuns: RUNS },
    );
  });

  it('are what csv-parse finds', () => {
    fc.assert(
      fc.property(generatedCsv, (csv) => {
        const { delimiter, quote, escape = quote } = csv.dialect;
        const found = parse(csv.text, {
          delimiter,
          quote,
          escape,
          record_delimiter: csv.lineEnds === 'cr' ? '\r' : ['\r\n', '\n'],
          relax_column_count: true,
          cast: (text, { quoting }) => ({ text, quoted: quoting }),
        });
        const scanned = scanInSteps(Buffer.from(csv.text), optionsFor(csv), MIB);
        const records = scanned.records.map(({ fields }) => fields);
        const isBlank = (record: unknown): boolean =>
          JSON.stringify(record) === JSON.stringify([{ text: '', quoted: false }]);
        // csv-parse takes blank lines at the end for records.
        const width = csv.records[0]?.length ?? 1;
        expect(records).toEqual(width === 1 ? found : found.filter((record) => !isBlank(record)));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a damaged file', () => {
  const damage = fc.array(
    fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('replace', 'insert', 'delete', 'cut'),
      byte: fc.constantFrom(...EVIL_BYTES),
    }),
    { minLength: 1, maxLength: 3 },
  );
  const limits = fc.record({
    maxRecordBytes: fc.constantFrom(4, 12, 40, MIB),
    blankLines: fc.constantFrom('record', 'skip', 'trailing'),
    countsFields: fc.boolean(),
  });

  it('fails with the same code at the same place, however it is cut into windows', () => {
    fc.assert(
      fc.property(generatedCsv, damage, limits, (csv, changes, { countsFields, ...limit }) => {
        const bytes = changes.reduce(applyDamage, Buffer.from(csv.text));
        const { fieldCount, ...options } = { ...optionsFor(csv), ...limit };
        const strict = countsFields ? { ...options, fieldCount } : options;
        const whole = scanInSteps(bytes, strict, MIB);
        for (const step of STEPS) {
          expect(scanInSteps(bytes, strict, step), `windows of ${step}`).toEqual(whole);
        }
        if (whole.fault !== undefined) expectPlace(whole, bytes);
      }),
      { numRuns: RUNS * 2 },
    );
  });
});

describe('a file on disk', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'copyline-scan-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Around the reader's headroom and window, where records are carried over. */
  const border = fc
    .tuple(fc.constantFrom(64, 256, 320, 512), fc.integer({ min: -2, max: 2 }))
    .map(([kib, more]) => kib * 1024 + more);

  it('is scanned as in one piece, wherever its windows end', async () => {
    await fc.assert(
      fc.asyncProperty(generatedCsv, border, fc.boolean(), async (csv, size, large) => {
        const { delimiter, quote } = csv.dialect;
        const width = csv.records[0]?.length ?? 1;
        const fill = (bytes: number): string =>
          `${quote}${'b€'.repeat(Math.floor(bytes / 4))}${quote}${delimiter.repeat(width - 1)}${csv.lineEnds === 'cr' ? '\r' : '\n'}`;
        const front = large ? fill(size) : fill(100).repeat(Math.floor(size / 104));
        const text =
          front + 'c'.repeat(Math.max(0, size - (front.length % 7))) + delimiter.repeat(width - 1);
        const bytes = Buffer.from(`${text}${csv.lineEnds === 'cr' ? '\r' : '\n'}${csv.text}`);
        const path = join(folder, 'random.csv');
        await writeFile(path, bytes);
        const options = optionsFor(csv);
        expect(digestible(await scanFile(path, options))).toEqual(
          digestible(scanInSteps(bytes, options, 16 * MIB)),
        );
      }),
      { numRuns: Math.ceil(RUNS / 12) },
    );
  });
});

/** Without the bytes themselves, which a failure would print. */
function digestible({ records, ...rest }: Scanned): unknown {
  return {
    ...rest,
    records: records.map(({ fields, bytes, ...record }) => ({
      ...record,
      length: bytes.length,
      lengths: fields.map(({ text }) => text.length),
    })),
  };
}

function expectPositions({ records, position }: Scanned, bytes: Buffer, csv: GeneratedCsv): void {
  const text = bytes.toString('latin1');
  const lineEnd = csv.lineEnds === 'cr' ? '\r' : '\n';
  for (const [i, { record, line, byteOffset, bytes: own }] of records.entries()) {
    expect(record).toBe(i + 1);
    expect(text.slice(byteOffset, byteOffset + own.length)).toBe(own);
    // A record without a line end may be the first: the kind is not known then.
    if (records[0]?.lineEnd !== 'end') {
      expect(line).toBe(text.slice(0, byteOffset).split(lineEnd).length);
    }
  }
  expect(position.byteOffset).toBe(bytes.length);
  expect(position.records).toBe(csv.records.length);
}

function expectPlace({ fault, records }: Scanned, bytes: Buffer): void {
  expect(fault?.byteOffset).toBeLessThanOrEqual(bytes.length);
  expect(fault?.byteOffset).toBeGreaterThanOrEqual(0);
  expect(fault?.record).toBe(records.length + 1);
  expect(fault?.column ?? '1').toMatch(/^[1-9]\d*$/);
}

function applyDamage(
  bytes: Buffer,
  { at, kind, byte }: { readonly at: number; readonly kind: string; readonly byte: number },
): Buffer {
  const place = bytes.length === 0 ? 0 : at % bytes.length;
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (kind === 'cut') return before;
  const kept = kind === 'insert' ? after : after.subarray(1);
  return Buffer.concat(kind === 'delete' ? [before, kept] : [before, Buffer.of(byte), kept]);
}
