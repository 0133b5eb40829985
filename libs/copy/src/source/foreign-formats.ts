import { CopylineError } from '@copyline/contracts';

import { compressionOf, type Compression } from './unpack/compression.ts';

type Foreign = readonly [mark: RegExp, name: string, advice?: string];

const SAVE_AS_CSV = 'Save the sheet as CSV, or as “CSV UTF-8” where there is a choice.';
const UNPACK = 'Unpack it, and load the files that are in it.';

/* eslint-disable no-control-regex -- control characters are what is looked for */
/** Formats that are told by their first bytes, read as Latin-1, and what to do with them. */
const FOREIGN: readonly Foreign[] = [
  [/^PK\x03\x04.{26}(?:\[Content_Types\]|xl\/|_rels\/)/s, 'an .xlsx workbook', SAVE_AS_CSV],
  [/^PK(?:\x03\x04|\x05\x06)/, 'a zip archive', UNPACK],
  [/^\xd0\xcf\x11\xe0/, 'an .xls workbook', SAVE_AS_CSV],
  [/^\xfd7zXZ/, 'xz data', 'Unpack it with `unxz FILE`.'],
  [/^7z\xbc\xaf\x27\x1c/, 'a 7z archive', UNPACK],
  [/^Rar!\x1a\x07/, 'a RAR archive', UNPACK],
  [/^\x04\x22\x4d\x18/, 'lz4 data', 'Unpack it with `unlz4 FILE`.'],
  [/^.{257}ustar/s, 'a tar archive', UNPACK],
  // `PAR1` alone may begin a header; the next byte begins a structure of Thrift's compact protocol.
  [/^PAR1\x15/, 'a Parquet file'],
  [/^%PDF-/, 'a PDF document'],
  [/^SQLite format 3\0/, 'an SQLite database'],
  [
    /^(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b/i,
    'an HTML page',
    'Look into it: as a rule it is the login or error page of the server that it was fetched from.',
  ],
  [/^(?:\xef\xbb\xbf)?\s*<\?xml\b/i, 'an XML document'],
  [
    /^(?:\xef\xbb\xbf)?\s*\[\s*(?:\{\s*["}]|\]\s*$)/,
    'a JSON array',
    'Write one object on each line, for example with `jq -c ".[]" FILE > FILE.jsonl`.',
  ],
];

/* eslint-enable no-control-regex */

/**
 * Whether a file is what nobody can load, whatever its name says.
 *
 * @param start its first bytes, unpacked
 * @throws CopylineError `NOT_CSV`
 */
export function assertNotForeign(start: Buffer, source: string, compression: Compression): void {
  const text = start.toString('latin1');
  const again = compression === 'none' ? 'none' : compressionOf(start);
  const known = FOREIGN.find(([mark]) => mark.test(text));
  if (again === 'none' && known === undefined) return;
  const packed = compression === 'none' ? '' : `, packed with ${compression}`;
  const [, name, advice] = known ?? [undefined, `${again} data`, 'Unpack it once first.'];
  throw new CopylineError('NOT_CSV', `The file is ${name}${packed}, not CSV or JSON Lines`, {
    source,
    byteOffset: 0,
    ...(advice === undefined ? {} : { advice }),
  });
}
