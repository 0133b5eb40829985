import { CopylineError } from '@copyline/contracts';

import { excerptOfText } from '../csv/excerpt.ts';
import { MAX_IDENTIFIER_BYTES } from './table-name.ts';

/** PostgreSQL's MaxHeapAttributeNumber. */
const MAX_COLUMNS = 1600;
/** Names and faults told one by one; the rest is only counted. */
const MOST_TOLD = 20;

/**
 * @param names `undefined` where a name does not matter
 * @throws CopylineError `HEADER_INVALID` for names that no table could have
 */
export function assertNames(names: readonly (string | undefined)[], what: string): void {
  const seen = new Set<string>();
  const faults = names.flatMap((name, i) => {
    if (name === undefined) return [];
    const at = `name ${String(i + 1)}`;
    if (name === '') return [`${at} is empty`];
    if (isTooLong(name)) {
      return [`${at}, ${quote(name)}, is longer than ${String(MAX_IDENTIFIER_BYTES)} bytes`];
    }
    if (seen.has(name)) return [`${at}, ${quote(name)}, is there twice`];
    seen.add(name);
    return [];
  });
  if (seen.size > MAX_COLUMNS) {
    faults.unshift(
      `it has ${names.length.toLocaleString('en')} names, a table at most ${MAX_COLUMNS.toLocaleString('en')} columns`,
    );
  }
  if (faults.length > 0) {
    const hint = names.length === 1 ? ' (is the delimiter right?)' : '';
    throw new CopylineError('HEADER_INVALID', `${what} is not valid: ${some(faults, '; ')}${hint}`);
  }
}

export function isTooLong(name: string): boolean {
  return Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES;
}

/** The names that have stood in the list before. */
export function repeated(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}

/** A name for a message: safe to print. */
export function quote(name: string): string {
  return `“${excerptOfText(name)}”`;
}

/** Names for a message. */
export function list(names: readonly string[]): string {
  return some(names.map(quote), ', ');
}

function some(texts: readonly string[], separator: string): string {
  const more = texts.length - MOST_TOLD;
  const told = texts.slice(0, MOST_TOLD).join(separator);
  return more > 0 ? `${told}${separator}and ${more.toLocaleString('en')} more` : told;
}
