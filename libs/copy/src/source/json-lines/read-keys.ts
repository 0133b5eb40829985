import type { LoadSpec } from '@copyline/contracts';
import { throwIfAborted } from '@copyline/dws-client';

import type { ColumnFacts } from '../../plan/facts.ts';
import type { LocalFile } from '../local-file.ts';
import { openText, type Reading } from '../reading.ts';
import type { SourceHead } from '../source-head.ts';
import { loosely, type JsonLayout } from './json-layout.ts';
import { JsonFault, keyText, readObject } from './json-object.ts';
import { wholeLines } from './whole-lines.ts';

const LF = 0x0a;
/** Objects that tell the keys of a file which is loaded into a table that there is. */
const SAMPLE_OBJECTS = 1_000;
/** More than any table has columns: whoever makes one of them will say so. */
const MOST_KEYS = 5_000;

/**
 * The head of JSON Lines with the keys of its objects for a header: those of the first thousand, of all of
 * them for a table that is to be made, or those that `columns` names. Where keys may be missing, columns
 * without a default are looked for all the same.
 *
 * @param table `undefined` when the load makes the table
 */
export async function withKeys(
  file: LocalFile,
  spec: LoadSpec,
  head: SourceHead,
  table: readonly ColumnFacts[] | undefined,
  signal?: AbortSignal,
): Promise<SourceHead> {
  const { columns, mapping, maxRecordBytes } = spec;
  const { reading } = head;
  const found =
    columns ??
    (await readKeys(file, reading, maxRecordBytes, table ? SAMPLE_OBJECTS : Infinity, signal));
  const mayMiss = mapping.missingColumns === 'default';
  const renamed = (key: string): string =>
    (Object.hasOwn(mapping.rename, key) ? mapping.rename[key] : undefined) ?? key;
  const known = new Set(found.map((key) => loosely(renamed(key))));
  const isOpen = ({ name, generated }: ColumnFacts): boolean =>
    !generated && !Object.hasOwn(mapping.set, name) && !known.has(loosely(name));
  const open = columns === undefined && found.length > 0 ? (table ?? []).filter(isOpen) : [];
  const others = mayMiss ? open.filter(({ hasDefault }) => !hasDefault).map(keyOf(spec)) : [];
  const keys = [...found, ...others];
  const json: JsonLayout = {
    keys,
    isJson: [],
    unknownKeys: mapping.extraColumns,
    refusedKeys: open.map(keyOf(spec)),
    missingKeys: mayMiss ? 'null' : 'refuse',
    keepsLine: spec.onError === 'continue',
    textOffset: reading.encoding === 'utf-8' ? reading.bomBytes : undefined,
    maxRecordBytes,
  };
  const header = keys.length === 0 ? undefined : keys;
  return { ...head, header, firstRecordFields: header?.length, reading: { ...reading, json } };
}

/** The key that a column is loaded from. */
function keyOf({ mapping }: LoadSpec): (column: ColumnFacts) => string {
  return ({ name }) =>
    Object.keys(mapping.rename).find((key) => mapping.rename[key] === name) ?? name;
}

/** Lines that are no objects are told of when they are loaded. */
async function readKeys(
  file: LocalFile,
  reading: Reading,
  maxRecordBytes: number,
  most: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const keys = new Set<string>();
  const written = new Set<string>();
  let objects = 0;
  for await (const { bytes } of wholeLines(openText(file, reading), maxRecordBytes)) {
    throwIfAborted(signal);
    for (let start = 0; start < bytes.length && objects < most;) {
      const lineFeed = bytes.indexOf(LF, start);
      const end = lineFeed < 0 ? bytes.length : lineFeed;
      objects += 1;
      try {
        readObject(bytes, start, end, (keyStart, keyEnd) => {
          // Most keys have been seen in this very spelling.
          const spelling = bytes.toString('latin1', keyStart, keyEnd);
          if (written.has(spelling)) return;
          written.add(spelling);
          keys.add(keyText(bytes, keyStart, keyEnd));
        });
      } catch (error) {
        if (!(error instanceof JsonFault)) throw error;
      }
      start = end + 1;
    }
    if (objects >= most || keys.size > MOST_KEYS) break;
  }
  return [...keys];
}
