import type { LoadRequest } from '@copyline/contracts';

/** A value with what cannot be seen made visible. */
function visible(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
}

/** What was asked for beyond source and target, where it differs from the defaults. */
export function unusualSettings(load: LoadRequest): (readonly [label: string, value: string])[] {
  const { dialect } = load;
  const escape = dialect.escape ?? dialect.quote;
  const settings: (readonly [label: string, value: string | false])[] = [
    ['Columns', load.columns?.join(', ') ?? false],
    ['Table', load.create && 'created when it does not exist'],
    ['Empty file', load.allowEmpty && 'allowed'],
    ['Ledger', load.ledger === 'none' && 'none: a repeated load stores the rows again'],
    ['Slot', load.slot !== '' && load.slot],
    ['Again', load.force && 'loaded although the ledger knows the content'],
    ['Delimiter', dialect.delimiter !== ',' && visible(dialect.delimiter)],
    ['Quote', dialect.quote !== '"' && visible(dialect.quote)],
    ['Escape', escape !== dialect.quote && visible(escape)],
    ['NULL', dialect.null !== '' && visible(dialect.null)],
    ['Header', !dialect.header && 'none'],
    ['Lines skipped', dialect.skipLines > 0 && String(dialect.skipLines)],
    ['Blank lines', dialect.skipBlankLines && 'skipped'],
  ];
  return settings.flatMap(([label, value]) => (value === false ? [] : [[label, value] as const]));
}
