import { CopylineError, type ScheduleSpec } from '@copyline/contracts';
import { CronExpressionParser } from 'cron-parser';

type When = Pick<ScheduleSpec, 'cron' | 'timeZone'>;

/**
 * The first nominal time after an instant. An hour that a change of the clocks leaves out is made up
 * for when the clocks have moved; one that comes twice happens once.
 *
 * @returns undefined when there is none: 31 February
 */
export function nextNominal(when: When, after: Date): Date | undefined {
  try {
    return parse(when, after).next().toDate();
  } catch {
    return undefined;
  }
}

/** What has become due: the latest nominal time, and those before it that nobody was there for. */
export interface Due {
  readonly nominalAt: Date;
  readonly missed: readonly Date[];
}

/** More missed occurrences than this are worth a look at the schedule, not a row each. */
const MOST_MISSED = 1_000;
const HOUR_MS = 3_600_000;
/** Where to go on then: as near as something has come, since every step takes about a millisecond. */
const RECENT_MS = [HOUR_MS / 4, 6 * HOUR_MS, 50 * HOUR_MS, 32 * 24 * HOUR_MS, 367 * 24 * HOUR_MS];

/**
 * @param first the nominal time that was waited for
 * @returns undefined when it has not come yet
 */
export function whatIsDue(when: When, first: Date, now: Date): Due | undefined {
  if (first > now) return undefined;
  const missed: Date[] = [];
  let nominalAt = first;
  for (;;) {
    const next = nextNominal(when, nominalAt);
    if (next === undefined || next > now) return { nominalAt, missed };
    missed.push(nominalAt);
    nominalAt = next;
    if (missed.length === MOST_MISSED) nominalAt = recentNominal(when, now, nominalAt);
    if (missed.length > MOST_MISSED) missed.shift();
  }
}

/** A nominal time shortly before now, or the one that was reached step by step if that is later. */
function recentNominal(when: When, now: Date, reached: Date): Date {
  for (const ms of RECENT_MS) {
    const recent = nextNominal(when, new Date(now.getTime() - ms));
    if (recent !== undefined && recent <= now) return recent > reached ? recent : reached;
  }
  return reached;
}

/** Jenkins' `H`, `H/15`, `H(0-29)`; not the one in THU. */
const BY_CHANCE = /(?:^|[\s,])H/i;

/** @throws CopylineError `REQUEST_INVALID` naming the field that is wrong */
export function assertCron(when: When): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: when.timeZone });
  } catch (cause) {
    throw invalid('timeZone', `${when.timeZone} is not a time zone, like Europe/Berlin`, cause);
  }
  const fields = when.cron.trim().split(/\s+/).length;
  if (fields !== 5 && fields !== 6) {
    throw invalid('cron', 'a cron expression has five fields, or six with seconds first');
  }
  if (BY_CHANCE.test(when.cron)) {
    throw invalid('cron', 'H is a time by chance; every scheduler has to come to the same');
  }
  try {
    CronExpressionParser.parse(when.cron);
  } catch (cause) {
    throw invalid('cron', cause instanceof Error ? cause.message : 'is not understood', cause);
  }
  if (nextNominal(when, new Date()) === undefined) throw invalid('cron', 'never comes');
}

function parse(when: When, currentDate: Date): ReturnType<typeof CronExpressionParser.parse> {
  return CronExpressionParser.parse(when.cron, { currentDate, tz: when.timeZone });
}

function invalid(field: string, message: string, cause?: unknown): CopylineError {
  return new CopylineError('REQUEST_INVALID', `${field}: ${message}`, { cause, column: field });
}
