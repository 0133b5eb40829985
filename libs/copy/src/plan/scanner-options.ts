import type { LoadSpec } from '@copyline/contracts';

import { dialectBytes, PADDING, scannedDialect } from '../csv/dialect.ts';
import type { ScannerOptions } from '../csv/scanning.ts';
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
