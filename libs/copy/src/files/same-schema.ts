import { CopylineError, type LoadSpec } from '@copyline/contracts';

import { list } from '../plan/column-names.ts';
import { LocalFile } from '../source/local-file.ts';
import { readSourceHead, type SourceHead } from '../source/source-head.ts';

/**
 * Looks at the beginning of every file before the first is loaded: all must be of one format and have
 * the same fields, by name where names decide, by number where positions do. Keys of JSON Lines are told
 * object by object, so only their format is compared.
 *
 * @throws CopylineError `FILES_DIFFER`, naming both files; what opening and reading a head throws
 */
export async function assertSameSchema(
  paths: readonly string[],
  spec: Omit<LoadSpec, 'source'>,
): Promise<void> {
  let first: { readonly path: string; readonly head: SourceHead } | undefined;
  for (const path of paths) {
    await using file = await LocalFile.open({ path });
    const head = await readSourceHead(file, { ...spec });
    // An empty file is refused, or allowed, when its turn comes.
    if (head.isEmpty) continue;
    first ??= { path, head };
    const difference = differenceOf(first.head, head, spec);
    if (difference === undefined) continue;
    throw new CopylineError('FILES_DIFFER', `${path} differs from ${first.path}: ${difference}`, {
      source: path,
    });
  }
}

function differenceOf(
  a: SourceHead,
  b: SourceHead,
  { columns, dialect }: Omit<LoadSpec, 'source'>,
): string | undefined {
  if (a.reading.format !== b.reading.format) {
    return `it is ${b.reading.format}, the other ${a.reading.format}`;
  }
  const byName = dialect.header && columns === undefined;
  const [left = [], right = []] = [a.header, b.header];
  if (!byName || a.header === undefined || b.header === undefined) {
    const [ours, theirs] = [
      b.header?.length ?? b.firstRecordFields,
      a.header?.length ?? a.firstRecordFields,
    ];
    const isSame = ours === undefined || theirs === undefined || ours === theirs;
    return isSame ? undefined : `it has ${String(ours)} fields, the other ${String(theirs)}`;
  }
  const missing = left.filter((name) => !right.includes(name));
  const extra = right.filter((name) => !left.includes(name));
  const parts = [
    ...(missing.length === 0 ? [] : [`it lacks ${list(missing)}`]),
    ...(extra.length === 0 ? [] : [`it has ${list(extra)} beside`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', and ');
}
