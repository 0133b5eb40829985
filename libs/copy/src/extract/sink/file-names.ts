/** Names of the files of an extract; all lie in one folder. */

/** Enough for a hundred thousand files in the order of their names. */
const DIGITS = 5;

export function manifestName(name: string): string {
  return `${name}.manifest.json`;
}

/** `orders.csv.gz` → `orders-00001.csv.gz`; counted from 1. */
export function splitName(name: string, ordinal: number): string {
  const [stem, ending] = parted(name);
  return `${stem}-${String(ordinal).padStart(DIGITS, '0')}${ending}`;
}

/** Matches what `splitName` makes of a name. */
export function splitPattern(name: string): RegExp {
  const [stem, ending] = parted(name).map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${stem ?? ''}-\\d{${String(DIGITS)},}${ending ?? ''}$`);
}

function parted(name: string): [string, string] {
  const ending = /(?:\.[a-z0-9]{1,8})?(?:\.gz)?$/i.exec(name)?.[0] ?? '';
  if (ending.length === name.length) return [name, ''];
  return [name.slice(0, name.length - ending.length), ending];
}
