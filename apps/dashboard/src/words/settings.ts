import type { CsvOutput, ExtractRequest, Job, LoadRequest } from '@copyline/contracts';

import { bytesText, countText } from './numbers.ts';
import { durationText } from './times.ts';

/** A value with what cannot be seen made visible. */
function visible(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
}

type Setting = readonly [label: string, value: string];

/** What was asked for beyond source and target, where it differs from the defaults. */
export function unusualSettings(job: Job): Setting[] {
  const settings = job.type === 'load' ? ofLoad(job.load) : ofExtract(job.extract);
  return settings.flatMap(([label, value]) => (value === false ? [] : [[label, value] as const]));
}

type Possible = readonly [label: string, value: string | false];

function ofLoad(load: LoadRequest): Possible[] {
  const { dialect } = load;
  const escape = dialect.escape ?? dialect.quote;
  return [
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
}

function ofExtract({ from, csv, ...extract }: ExtractRequest): Possible[] {
  const table = 'table' in from ? from : undefined;
  const { rowsPerFile, bytesPerFile, statementTimeoutMs, maxDurationMs } = extract;
  return [
    ['Query', 'query' in from && from.query],
    ['Columns', table?.columns?.join(', ') ?? false],
    ['Where', table?.where ?? false],
    ['Format', extract.format ?? false],
    ['Existing files', extract.overwrite && 'replaced'],
    ['Compression', extract.compression ?? false],
    ['Rows per file', rowsPerFile !== undefined && countText(rowsPerFile)],
    ['Bytes per file', bytesPerFile !== undefined && bytesText(bytesPerFile)],
    ['Search path', extract.searchPath?.join(', ') ?? false],
    ['Statement limit', statementTimeoutMs !== undefined && durationText(statementTimeoutMs)],
    ['Time limit', maxDurationMs !== undefined && durationText(maxDurationMs)],
    ...(csv === undefined ? [] : ofCsv(csv)),
  ];
}

function ofCsv(csv: CsvOutput): Possible[] {
  const escape = csv.escape ?? csv.quote;
  return [
    ['Delimiter', csv.delimiter !== ',' && visible(csv.delimiter)],
    ['Quote', csv.quote !== '"' && visible(csv.quote)],
    ['Escape', escape !== csv.quote && visible(escape)],
    ['NULL', csv.null !== '' && visible(csv.null)],
    ['Header', !csv.header && 'none'],
    ['Quoted', csv.quoting === 'all' && 'every value'],
    ['For spreadsheets', csv.excelSafe && 'an apostrophe before what looks like a formula'],
  ];
}
