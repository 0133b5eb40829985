import { excerptOf } from '../csv/excerpt.ts';
import { CsvScanner } from '../csv/scanner.ts';
import type { LoadPlan } from '../plan/plan-load.ts';

/** Where in a record a value stands, and how it begins. */
export interface FieldPlace {
  readonly column?: string;
  /** From the record's first byte. */
  readonly byteOffset: number;
  readonly excerpt: string;
}

/** The place of a column's value in a record of CSV; of the whole record without a column. */
export function fieldPlace(
  raw: Buffer,
  { scanner: options, mapping }: Pick<LoadPlan, 'scanner' | 'mapping'>,
  column: string | undefined,
): FieldPlace {
  const whole = { byteOffset: 0, excerpt: excerptOf(raw) };
  if (column === undefined || column === '') return whole;
  // A column that the load sets has no field.
  const field = mapping.fields.findIndex((mapped) => mapped?.column === column);
  let place: FieldPlace = { ...whole, column };
  if (field < 0) return place;
  // The scanner wants a byte behind the record for its sentinel.
  const window = Buffer.concat([raw, Buffer.alloc(1)]);
  const scanner = new CsvScanner(options, {
    onRecord: (record) => {
      const start = record.fieldStart(field);
      const excerpt = excerptOf(window.subarray(start, record.fieldEnd(field)));
      place = { column, byteOffset: start, excerpt };
    },
  });
  try {
    scanner.scan(window, 0, raw.length, true);
  } catch {
    // Of another form than CSV: the record's own place will do.
  }
  return place;
}
