/** Numbers as people read them: the same forms as the command line prints. */

/** For what is not known, or does not apply. */
export const NOTHING = '–';

export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Decimal units, as disks and networks are measured. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 ? countText(value) : value.toFixed(value < 10 ? 2 : 1);
  return `${digits} ${units[unit] ?? ''}`;
}

/** Always in MB/s, so that the rates of a column compare at a glance. */
export function rateText(bytesPerSecond: number): string {
  const megabytes = bytesPerSecond / 1e6;
  return `${megabytes < 10 ? megabytes.toFixed(2) : megabytes.toFixed(1)} MB/s`;
}

/** Whole percent, rounded down: 100 % is said only when everything is read. */
export function percentOf(part: number, whole: number): number {
  if (whole <= 0) return 0;
  return Math.min(100, Math.floor((part / whole) * 100));
}
