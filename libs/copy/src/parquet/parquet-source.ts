import { CopylineError, type LoadSpec } from '@copyline/contracts';

import type { LocalFile } from '../source/local-file.ts';
import { readFooter, type ParquetFooter } from './footer.ts';
import { ParquetFault } from './parquet-fault.ts';

/** `PAR1` alone may begin a header of CSV; the next byte begins a structure, which no text does. */
const START = Buffer.from('PAR1\x15', 'latin1');
/** A file ends as it begins; the second one is encrypted. */
const ENDS = ['PAR1', 'PARE'];
const END_BYTES = 4;

/** Whether a file is to be read as Parquet: because that was asked for, or by its first bytes. */
export async function isParquet(file: LocalFile, format: LoadSpec['format']): Promise<boolean> {
  // Zero bytes are no content in any format.
  if (format !== undefined) return format === 'parquet' && file.version.bytes > 0;
  if ((await readAt(file, 0, START.length)).equals(START)) return true;
  // One whose first page is damaged, or stands elsewhere, is still known by both its ends.
  const begin = (await readAt(file, 0, END_BYTES)).toString('latin1');
  if (!ENDS.includes(begin)) return false;
  const tail = await readAt(file, file.version.bytes - 2 * END_BYTES, 2 * END_BYTES);
  // The footer's length stands before: no text has a NUL there.
  return tail[END_BYTES - 1] === 0 && tail.toString('latin1', END_BYTES) === begin;
}

/** Reads the footer. @throws CopylineError with the code of what is wrong with it */
export async function parquetColumns(file: LocalFile): Promise<ParquetFooter> {
  try {
    return await readFooter(file.version.bytes, (at, length) => readAt(file, at, length));
  } catch (error) {
    throw error instanceof ParquetFault ? asParquetError(error, file.name) : error;
  }
}

/** What the thread that decodes throws, as an error of the table. */
export function asParquetError(
  { code, message, place, sqlstate }: Pick<ParquetFault, 'code' | 'message' | 'place' | 'sqlstate'>,
  source: string,
): CopylineError {
  const text = code === 'PARQUET_INVALID' ? `The file is damaged: ${message}` : message;
  return new CopylineError(code, text, {
    ...{ ...place, source },
    ...(sqlstate === undefined ? {} : { sqlstate }),
    located: place.record !== undefined || place.byteOffset !== undefined,
  });
}

async function readAt(file: LocalFile, position: number, length: number): Promise<Buffer> {
  if (position < 0) return Buffer.alloc(0);
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, await file.read(bytes, 0, length, position));
}
