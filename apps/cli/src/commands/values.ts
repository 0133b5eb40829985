import { rejectLimitSchema, type CsvDialect, type RejectLimit } from '@copyline/contracts';
import { InvalidArgumentError } from 'commander';

/** Readers for values of flags; what they throw becomes a usage error that names the flag. */

/** One character, or the escapes `\t` and `\x01`. */
export function parseCharacter(text: string): string {
  if (text === '\\t') return '\t';
  const hex = /^\\x([\da-f]{2})$/i.exec(text)?.[1];
  const character = hex === undefined ? text : String.fromCharCode(parseInt(hex, 16));
  if (character.length !== 1 || character > '\x7f') {
    throw new InvalidArgumentError('Give one ASCII character, \\t or \\x01.');
  }
  return character;
}

/** Characters, or the escapes of one. */
export function parseDelimiter(text: string): string {
  return text.length > 1 && !text.startsWith('\\') ? text : parseCharacter(text);
}

export type Encoding = NonNullable<CsvDialect['encoding']>;

/** Names that people have for encodings, without case, blanks and hyphens. */
const ENCODINGS: Readonly<Record<string, Encoding>> = {
  utf8: 'utf-8',
  utf16le: 'utf-16le',
  utf16be: 'utf-16be',
  latin1: 'latin-1',
  iso88591: 'latin-1',
  cp1252: 'cp1252',
  windows1252: 'cp1252',
};

export function parseEncoding(text: string): Encoding {
  const encoding = ENCODINGS[text.toLowerCase().replace(/[-_ ]/g, '')];
  if (encoding !== undefined) return encoding;
  throw new InvalidArgumentError('Give utf-8, utf-16le, utf-16be, latin-1 or cp1252.');
}

/** Names by commas; a name with a comma is put in double quotes. */
export function parseNames(text: string): string[] {
  const names = [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,"]*?))\s*(?:,|$)/gy)];
  if (names.map(([all]) => all).join('') !== text) {
    throw new InvalidArgumentError('Give names separated by commas.');
  }
  // The pattern matches once more, on nothing, behind the last name.
  const list = names.slice(0, text.endsWith(',') ? undefined : -1);
  return list.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

export function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** How many of something are there at a time. */
export function parseParallel(text: string): number {
  const count = parseCount(text);
  if (count < 1 || count > MOST_PARALLEL) {
    throw new InvalidArgumentError(`Give a number from 1 to ${String(MOST_PARALLEL)}.`);
  }
  return count;
}

/** More connections and threads help nobody, and a server has a hundred connections as a rule. */
const MOST_PARALLEL = 64;

/** `100` or `0.5%`. */
export function parseRejectLimit(text: string): RejectLimit {
  const limit = /^\d{1,15}$/.test(text) ? Number(text) : text;
  if (!rejectLimitSchema.safeParse(limit).success) {
    throw new InvalidArgumentError('Give a whole number, or a percentage such as 0.5%.');
  }
  return limit;
}

/** `90s`, `12h`, `30d`, in seconds. */
export function parseAge(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('Give an age such as 12h or 30d.');
  return Number(digits) * ({ s: 1, m: 60, h: 3_600, d: 86_400 }[unit] ?? 0);
}

export function parseSeconds(text: string): number {
  if (!/^\d{1,9}(\.\d+)?$/.test(text)) throw new InvalidArgumentError('Give seconds.');
  return Number(text);
}

/** `1000`, `64kB`, `64MB`, `2GB`: powers of 1024, as PostgreSQL counts memory. */
export function parseByteSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,12})\s*([kmg]?b?)$/i.exec(text) ?? [];
  if (digits === undefined || Number(digits) === 0) {
    throw new InvalidArgumentError('Give a size such as 500kB, 64MB or 1GB.');
  }
  const power = 'kmg'.indexOf(unit.charAt(0).toLowerCase()) + 1;
  return Number(digits) * 1024 ** (unit === '' || unit.toLowerCase() === 'b' ? 0 : power);
}
