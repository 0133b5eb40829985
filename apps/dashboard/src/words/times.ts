/** Points in time and durations as people read them. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

const two = (value: number): string => String(value).padStart(2, '0');

/** Of something that has ended: to the tenth of a second while that can be told apart. */
export function durationText(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  // 59,950 ms would read “60.0 s”.
  if (ms < MINUTE - 50) return `${(ms / SECOND).toFixed(1)} s`;
  return clockText(ms);
}

/** Of something that goes on: whole seconds, so that it ticks and does not flicker. */
export function tickingText(ms: number): string {
  return ms < MINUTE ? `${Math.floor(Math.max(0, ms) / SECOND)} s` : clockText(ms);
}

function clockText(ms: number): string {
  const seconds = Math.round(ms / SECOND);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(seconds % 60)} h`
    : `${minutes}:${two(seconds % 60)} min`;
}

/** `3 min ago`. A clock that runs ahead of ours says `just now`, never a time to come. */
export function agoText(instant: string, now: number): string {
  const ms = now - Date.parse(instant);
  if (ms < 2 * SECOND) return 'just now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  const date = new Date(instant);
  const day = `${date.getDate()} ${MONTHS[date.getMonth()] ?? ''}`;
  return date.getFullYear() === new Date(now).getFullYear()
    ? `${day}, ${two(date.getHours())}:${two(date.getMinutes())}`
    : `${day} ${date.getFullYear()}`;
}

/** `in 24 s`; `now` when the time has come. */
export function untilText(instant: string, now: number): string {
  const ms = Date.parse(instant) - now;
  return ms < SECOND ? 'now' : `in ${tickingText(ms)}`;
}

/** To the second, in the zone of the reader. */
export function absoluteText(instant: string): string {
  const date = new Date(instant);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  const time = [two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())].join(':');
  return `${day} ${time} ${offsetText(-date.getTimezoneOffset())}`;
}

function offsetText(minutes: number): string {
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
