import { CopylineError } from '@copyline/contracts';
import { parquetMetadataAsync } from 'hyparquet';

import type { LocalFile } from '../../source/local-file.ts';

/**
 * How many rows a Parquet file says that it has.
 *
 * @throws CopylineError `SOURCE_UNREADABLE` for what is no Parquet file
 */
export async function footerRows(file: LocalFile): Promise<number> {
  const { bytes: byteLength } = file.version;
  try {
    const metadata = await parquetMetadataAsync({
      byteLength,
      slice: async (start, end = byteLength) => {
        const bytes = Buffer.alloc(end - start);
        await file.read(bytes, 0, bytes.length, start);
        return bytes.buffer;
      },
    });
    return Number(metadata.num_rows);
  } catch (cause) {
    throw new CopylineError('SOURCE_UNREADABLE', 'The footer of the file cannot be read', {
      ...{ cause, source: file.name },
    });
  }
}
