import { CopylineError, csvDialectSchema, type LoadSpec } from '@copyline/contracts';

const NAMED = /\.(?:jsonl|ndjson|jsonlines)(?:\.(?:gz|zst|bz2))?$/i;
/** No CSV of the usual quotes begins so: a quote stands in an unquoted field. */
const LOOKS_SO = /^\s*\{\s*(?:"|\}\s*[\r\n])/;

/**
 * Whether a file is JSON Lines: told, by its name, or by how it begins.
 *
 * @param start its first bytes, without a byte order mark
 */
export function isJsonLines(
  { format, dialect }: Pick<LoadSpec, 'format' | 'dialect'>,
  name: string,
  start: Buffer,
): boolean {
  if (format !== undefined) return format === 'jsonl';
  if (NAMED.test(name)) return true;
  return dialect.quote === '"' && !dialect.relaxedQuotes && LOOKS_SO.test(start.toString('latin1'));
}

/**
 * What is told of CSV has no meaning for JSON Lines, and is refused rather than ignored.
 *
 * @throws CopylineError `FORMAT_UNSUITABLE`
 */
export function assertJsonSpec(
  { dialect, lane, mapping }: Pick<LoadSpec, 'dialect' | 'lane' | 'mapping'>,
  source: string,
): void {
  const usual = csvDialectSchema.parse({});
  const { encoding: _, ...told } = dialect;
  const faults: string[] = Object.entries(told)
    .filter(([name, value]) => value !== usual[name as keyof typeof usual])
    .map(([name]) => name);
  if (Object.keys(mapping.nulls).length > 0) faults.push('nulls');
  if (Object.keys(mapping.trims).length > 0) faults.push('trims');
  if (lane === 'byte' || lane === 'tolerant') faults.push(`the ${lane} lane`);
  if (faults.length === 0) return;
  throw new CopylineError(
    'FORMAT_UNSUITABLE',
    `The file is JSON Lines, for which there is no meaning in ${faults.join(', ')}`,
    { source, advice: 'Leave that out, or say --format csv if it is CSV after all.' },
  );
}
