import { CopylineError, type ScheduleSpec, type Work } from '@copyline/contracts';

/** What an occurrence of a schedule submits. */
export function workOf(spec: ScheduleSpec, nominalAt: Date): Work {
  const { load, extract, timeZone } = spec;
  if (extract !== undefined) {
    return {
      type: 'extract',
      extract: { ...extract, to: sinkAt(extract.to, nominalAt, timeZone) },
    };
  }
  if (load === undefined) throw new CopylineError('INTERNAL', 'The schedule submits nothing');
  const slot = spec.dedupe === 'occurrence' ? nominalAt.toISOString() : load.slot;
  return { type: 'load', load: { ...load, slot } };
}

/**
 * Fills the nominal time into the name of a sink. `{date}` is the day in the schedule's time zone,
 * `{instant}` the time in UTC, which no two occurrences share, also where clocks are set back.
 */
export function sinkAt(name: string, nominalAt: Date, timeZone: string): string {
  // Sweden writes dates as ISO 8601 does.
  const day = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(nominalAt);
  // The time of a request to run now has milliseconds, which tell it from others.
  const instant = nominalAt.toISOString().replace(/[-:]|\.000/g, '');
  return name.replaceAll('{date}', day).replaceAll('{instant}', instant);
}
