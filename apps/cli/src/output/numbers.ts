/** Numbers as people read them. */

export function countText(count: number): string {
  // By hand: the first use of toLocaleString loads locale data for some 40 ms.
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
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
  return `${unit === 0 ? countText(value) : value.toFixed(value < 10 ? 2 : 1)} ${units[unit] ?? ''}`;
}

export function durationText(ms: number): string {
  if (ms < 1000) return `${String(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${String(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, '0')} min`;
}

export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}
