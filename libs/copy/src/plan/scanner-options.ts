import { csvDialectSchema, type LoadSpec } from '@copyline/contracts';

import { dialectBytes, PADDING, scannedDialect } from '../csv/dialect.ts';
import type { ScannerOptions } from '../csv/scanning.ts';
import type { JsonLayout } from '../source/json-lines/json-layout.ts';
import type { Reading } from '../source/reading.ts';

/**
 * How the data records of a load are scanned.
 *
 * @param fieldCount fields of each record; `undefined` when the first one decides
 */
export function scannerOptions(
  { dialect, maxRecordBytes }: LoadSpec,
  fieldCount: number | undefined,
  columns: readonly string[] | undefined,
  reading: Reading,
): ScannerOptions {
  if (reading.json !== undefined) return jsonScannerOptions(reading.json, columns);
  return {
    dialect: dialectBytes(scannedDialect(dialect)),
    padding: reading.tolerant && PADDING[0],
    fieldCount,
    columns,
    maxRecordBytes,
    // In a file of one column a blank line is a NULL.
    blankLines: dialect.skipBlankLines ? 'skip' : fieldCount === 1 ? 'record' : 'trailing',
  };
}

/** A line may take five times its bytes: each byte an escaped quote, and the line kept beside it. */
const JSON_GROWTH = 5;

/** How the records are scanned that objects are written as. */
function jsonScannerOptions(
  { keys, keepsLine, maxRecordBytes }: JsonLayout,
  columns: readonly string[] | undefined,
): ScannerOptions {
  return {
    dialect: dialectBytes(csvDialectSchema.parse({})),
    padding: PADDING[0],
    fieldCount: keys.length + (keepsLine ? 1 : 0),
    columns,
    maxRecordBytes: maxRecordBytes * JSON_GROWTH,
    recordsAreLines: true,
    blankLines: 'record',
  };
}
