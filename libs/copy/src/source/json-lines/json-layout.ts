import { CopylineError } from '@copyline/contracts';

/** How the objects of a file become records: one field for each key, in this order. */
export interface JsonLayout {
  readonly keys: readonly string[];
  /**
   * Fields that are JSON to their column: stored as they are written. In others a string is what it says,
   * and only objects and arrays are JSON.
   */
  readonly isJson: readonly boolean[];
  /** Keys that have no field. */
  readonly unknownKeys: 'refuse' | 'skip';
  /** Names of columns: keys that are nearly one of them, and have no field, must not be skipped. */
  readonly refusedKeys: readonly string[];
  readonly missingKeys: 'refuse' | 'null';
  /** Whether each record has its line as a last field, for rejects: see `RecordLine`. */
  readonly keepsLine: boolean;
  /** Where in the source the text begins; `undefined` when its bytes are those of another encoding. */
  readonly textOffset: number | undefined;
  readonly maxRecordBytes: number;
}

/** Names of keys and columns that may be meant to be the same. */
export function loosely(name: string): string {
  return name.trim().toLowerCase();
}

/** A fault that is placed in the file itself, not in what is made of it. */
export class FaultInFile extends CopylineError {}
