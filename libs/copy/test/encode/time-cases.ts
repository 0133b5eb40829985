import type { Choices } from './random-values.ts';
import type { TypeCase } from './type-case.ts';

const two = (n: number): string => String(n).padStart(2, '0');

/** A day that exists in every year, and now and then the last one of a month that has it. */
function date(c: Choices): string {
  const year = c.chance(0.7) ? c.integer(1900, 2100) : c.integer(1, 9999);
  const [month, day] = c.chance(0.8)
    ? [c.integer(1, 12), c.integer(1, 28)]
    : [c.pick([1, 3, 5, 7, 8, 10, 12]), 31];
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

/** Any two digits where they must be few. */
function wrongDate(c: Choices): string {
  const day = c.either(
    () => `02-${c.pick(['29', '30', '31'])}`,
    () => `${c.pick(['04', '06', '09', '11'])}-31`,
    () => `${c.pick(['00', '13', '99', two(c.integer(13, 99))])}-${c.digits(2)}`,
    () => `${two(c.integer(1, 12))}-${c.pick(['00', two(c.integer(32, 99))])}`,
  );
  return `${c.chance(0.1) ? '0000' : c.digits(4)}-${day}`;
}

function time(c: Choices): string {
  const minute = `${two(c.integer(0, 23))}:${two(c.integer(0, 59))}`;
  if (c.chance(0.15)) return minute;
  const second = `${minute}:${two(c.integer(0, 59))}`;
  if (c.chance(0.05)) return `23:59:59.${c.pick(['9', '999999', '999', '5', '499999', '500000'])}`;
  return c.chance(0.5) ? second : `${second}.${c.digits(c.integer(1, 6))}`;
}

function wrongTime(c: Choices): string {
  return c.either(
    () => `${two(c.integer(25, 99))}:${c.digits(2)}:${c.digits(2)}`,
    () => `${two(c.integer(0, 23))}:${two(c.integer(60, 99))}:${c.digits(2)}`,
    () => `${two(c.integer(0, 23))}:${two(c.integer(0, 59))}:${two(c.integer(61, 99))}.5`,
    () => `${two(c.integer(25, 99))}:${two(c.integer(0, 99))}`,
  );
}

function zone(c: Choices): string {
  const sign = c.pick(['+', '-']);
  return c.either(
    () => 'Z',
    () => `${sign}${two(c.integer(0, 15))}`,
    () => `${sign}${two(c.integer(0, 15))}:${two(c.integer(0, 59))}`,
    () => `${sign}${two(c.integer(0, 15))}${two(c.integer(0, 59))}`,
  );
}

const strangeZone = (c: Choices): string =>
  c.pick([
    ' UTC',
    ' Europe/Berlin',
    ' +02',
    ' CET',
    'z',
    '+2',
    ' EST5EDT',
    '+01:02:03',
    ' -3',
    ' PST',
  ]);

const moment = (c: Choices): string =>
  c.chance(0.1) ? date(c) : `${date(c)}${c.pick([' ', 'T'])}${time(c)}`;

const word = (c: Choices): string =>
  Array.from({ length: c.integer(1, 14) }, () =>
    c.pick(Array.from('abcdefgijklnopqrtuvxzABST')),
  ).join('');

const unusualDate = (c: Choices): string =>
  c.either(
    () => ` ${date(c)} `,
    () => date(c).replaceAll('-', ''),
    () => `${date(c)} BC`,
    () => `${String(c.integer(10_000, 99_999))}-01-31`,
    () => date(c).replaceAll('-', '/'),
    () => `${String(c.integer(1, 28))} Jan ${String(c.integer(1900, 2100))}`,
    () => `${String(c.integer(1900, 2100))}-${String(c.integer(1, 9))}-${String(c.integer(1, 9))}`,
    () => `J24${c.digits(5)}`,
    () =>
      `${String(c.integer(1, 12))}/${String(c.integer(1, 12))}/${String(c.integer(1900, 2100))}`,
  );

const unusualTime = (c: Choices): string =>
  c.either(
    () => ` ${time(c)}`,
    () => `${two(c.integer(0, 23))}:${two(c.integer(0, 59))}:60`,
    () =>
      `${two(c.integer(0, 23))}:${two(c.integer(0, 59))}:${two(c.integer(0, 59))}.${c.digits(c.integer(7, 12))}`,
    () => `${String(c.integer(1, 9))}:${two(c.integer(0, 59))}`,
    () => `${two(c.integer(1, 12))}:${two(c.integer(0, 59))} ${c.pick(['am', 'PM'])}`,
    () => `${two(c.integer(0, 23))}${two(c.integer(0, 59))}${two(c.integer(0, 59))}`,
    () => `T${time(c)}`,
  );

const SPECIAL = [
  ...['infinity', '-infinity', 'Infinity', '+infinity', 'today', 'now', 'tomorrow', 'yesterday'],
  ...[
    'epoch',
    'allballs',
    'zulu',
    'J',
    'BC',
    'AD',
    'noon',
    'midnight',
    'Monday',
    'May',
    'am',
    'UTC',
  ],
  ...['current', 'invalid', 'undefined', 'dst', 'infinite', 'INFINITYX', 'nowish', 'Zz', 'T', 't'],
  ...[
    '0000-00-00',
    '0000-01-01',
    '0001-01-01',
    '9999-12-31',
    '10000-01-01',
    '99999-01-01',
    '0-0-0',
  ],
  ...[
    '2023-02-28',
    '2023-02-29',
    '2024-02-29',
    '1900-02-29',
    '2000-02-29',
    '2100-02-29',
    '0004-02-29',
  ],
  ...[
    '0400-02-29',
    '0100-02-29',
    '2023-02-31',
    '2023-04-31',
    '31/12/2023',
    '12/31/2023',
    '01/02/2023',
  ],
  ...['2023-1-1', '2023.01.01', '20230101', '2023-01-01 BC', '0001-01-01 BC', '4713-01-01 BC'],
  ...[
    '2023-13-01',
    '2023-00-01',
    '2023-01-00',
    '2023-12-32',
    '2023-99-99',
    '2023-W01-1',
    '2023-001',
  ],
  ...[
    '24:00',
    '24:00:00',
    '24:00:01',
    '24:01',
    '23:59:60',
    '23:59:59.9999999',
    '12:30:60',
    '12:60:00',
  ],
  ...[
    '23:59:60.5',
    '00:00:61',
    '25:00',
    '12:00:00.',
    '12:00:00.000001',
    '12',
    '1230',
    '12:3',
    '-01:00',
  ],
  ...['2023-12-31 24:00:00', '2023-12-31T24:00', '2016-12-31 23:59:60', '2016-12-31 23:59:60Z'],
  ...['9999-12-31 23:59:59.999999', '9999-12-31 24:00:00', '0001-01-01 00:00:00+15:59'],
  ...['9999-12-31 23:59:59.999999-15:59', '2023-01-01 12:00:00+16', '2023-01-01 12:00:00+15:60'],
  ...[
    '2023-01-01 12:00:00-00:00',
    '2023-01-01 12:00:00+00',
    '2023-01-01 12:00:00-0',
    '2023-01-01Z',
  ],
  ...[
    '2023-01-01+02',
    '2023-01-01 +02',
    '2023-01-01T',
    '2023-01-01 ',
    '2023-01-01 1',
    '2023-01-01t12:00',
  ],
  ...['2023-03-26 02:30:00', '2023-10-29 02:30:00', '2023-03-26 02:30:00 Europe/Berlin'],
  ...[
    '2023-01-01  12:00:00',
    '2023-01-01 12:00:00  ',
    '2023-01-01 12:00:00 PM',
    '2023-02-31 25:00',
  ],
  ...[
    '2023-02-31 12:00',
    '2023-02-31 12:00+02',
    '2023-01-01 25:00Z',
    '2023-02-31+02',
    '2023-02-31Z',
  ],
  ...['2023-01-01 12:00:00.123456+05:30', '2023-01-01 12:00+0530', '2023-01-01 12:00:00 UTC'],
  ...[
    '1970-01-01 00:00:00',
    '1999-12-31 23:59:59.999999',
    '2000-01-01 00:00:00',
    '2000-01-01 00:00:00.1',
  ],
  ...[
    '12:00:00Z',
    '12:00+02',
    '12:00:00 UTC',
    '12:00 Europe/Berlin',
    '2023-01-01 12:00:00',
    '١٢:٠٠',
  ],
];

function dateCase(dateStyle: string): TypeCase {
  return {
    sql: 'date',
    settings: { dateStyle },
    canonical: date,
    unusual: unusualDate,
    wrong: (c) => (c.chance(0.8) ? wrongDate(c) : word(c)),
    values: SPECIAL,
  };
}

function timeCase(sql: string): TypeCase {
  return {
    sql,
    canonical: time,
    unusual: unusualTime,
    wrong: (c) => (c.chance(0.8) ? wrongTime(c) : word(c)),
    values: SPECIAL,
  };
}

function momentCase(sql: string, settings: TypeCase['settings'] = {}): TypeCase {
  const hasZone = sql.startsWith('timestamptz');
  const needsZone = hasZone && (settings.timeZone ?? 'UTC') !== 'UTC';
  const withZone = (c: Choices): string => `${date(c)}${c.pick([' ', 'T'])}${time(c)}${zone(c)}`;
  const canonical = needsZone
    ? withZone
    : hasZone
      ? (c: Choices): string => (c.chance(0.5) ? moment(c) : withZone(c))
      : moment;
  return {
    sql,
    settings,
    canonical,
    unusual: (c) =>
      c.either(
        () => `${unusualDate(c)} ${time(c)}`,
        () => `${date(c)} ${unusualTime(c)}`,
        () => `${date(c)} ${time(c)}${strangeZone(c)}`,
        () => `${date(c)} ${time(c)}${zone(c)}`,
      ),
    wrong: (c) => {
      const end = hasZone && (needsZone || c.chance(0.5)) ? zone(c) : '';
      return c.either(
        () => `${wrongDate(c)}${c.pick([' ', 'T'])}${time(c)}${end}`,
        () => `${date(c)}${c.pick([' ', 'T'])}${wrongTime(c)}${end}`,
        () => `${wrongDate(c)} ${wrongTime(c)}${end}`,
        () => (needsZone ? word(c) : wrongDate(c)),
        () => word(c),
      );
    },
    values: SPECIAL,
  };
}

export const DAY_AND_TIME_CASES: readonly TypeCase[] = [
  ...['ISO, MDY', 'SQL, DMY', 'German, DMY', 'Postgres, YMD'].map(dateCase),
  timeCase('time'),
  timeCase('time(0)'),
  timeCase('time(3)'),
];

export const TIMESTAMP_CASES: readonly TypeCase[] = [
  momentCase('timestamp'),
  momentCase('timestamp', { dateStyle: 'German, DMY', timeZone: 'Europe/Berlin' }),
  momentCase('timestamp(0)'),
  momentCase('timestamp(3)'),
  momentCase('timestamptz'),
  momentCase('timestamptz', { dateStyle: 'SQL, YMD', timeZone: 'Europe/Berlin' }),
  momentCase('timestamptz', { dateStyle: 'ISO, DMY', timeZone: 'America/New_York' }),
  momentCase('timestamptz(0)'),
];
