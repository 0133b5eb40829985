import { CopylineError, type LoadSpec } from '@copyline/contracts';

import { valueTypeOf } from '../csv/column-types.ts';
import { encoderFor, REFUSE, type EncoderSession, type ValueType } from '../encode/index.ts';
import { encodeValue } from '../lanes/binary-rows.ts';
import { RECORD_NUMBER, rowValue } from '../lanes/row-layout.ts';
import type { Reading } from '../source/reading.ts';
import { needsTolerance } from '../source/tolerant-csv.ts';
import { createdTypes } from './create-table.ts';
import type { LoadFacts } from './facts.ts';
import { columnsOf, type ColumnMapping } from './map-fields.ts';

/** How the records reach the server. */
export interface LanePlan {
  readonly name: 'binary' | 'text' | 'byte' | 'tolerant';
  readonly reason: string;
  /** The form of rows that are not encoded: all of them outside the binary lane. */
  readonly plainForm: 'text' | 'csv';
  /** What the values are encoded as, one for each column; empty outside the binary lane. */
  readonly encoding: readonly ValueType[];
  readonly session: EncoderSession;
}

/** For what depends on the id of a load before there is one. */
const ANY_LOAD_ID = '00000000-0000-0000-0000-000000000000';

/**
 * Chooses the lane: the binary one, which takes work off the server, wherever every column has an
 * encoder; else the text lane, in which the server reads the values but not the CSV.
 *
 * @throws CopylineError `LANE_UNSUITABLE` when the specification wants a lane that cannot be,
 *   `VALUE_REFUSED` for a value to be set that is none of its column's type
 */
export function planLane(spec: LoadSpec, facts: LoadFacts, mapping: ColumnMapping): LanePlan {
  const { session: settings } = facts;
  const session: EncoderSession = {
    serverVersion: settings.serverVersionNumber,
    dateStyle: settings.dateStyle,
    timeZone: settings.timeZone,
  };
  const plain = (name: 'text' | 'byte' | 'tolerant', reason: string): LanePlan => ({
    name,
    reason,
    plainForm: name === 'byte' ? 'csv' : 'text',
    encoding: [],
    session,
  });
  const { reading, parquet } = facts.source.head;
  if (parquet !== undefined) assertLaneOfParquet(spec);
  if (spec.lane === 'byte') assertPassThrough(spec, mapping, reading);
  if (spec.lane !== undefined && spec.lane !== 'binary') {
    return plain(spec.lane, 'it was asked for');
  }
  if (spec.lane === undefined && needsTolerance(spec.dialect)) {
    return plain('tolerant', `the dialect has ${tolerated(spec.dialect).join(' and ')}`);
  }
  const encoding = typesOf(facts, mapping);
  const obstacle =
    obstacleOf(facts, mapping, encoding, session) ??
    obstacleOfSet(facts.source.name, mapping, encoding, session);
  if (obstacle === undefined) {
    const reason = spec.lane === 'binary' ? 'it was asked for' : 'every column has an encoder';
    return { name: 'binary', reason, plainForm: 'text', encoding, session };
  }
  if (spec.lane === undefined) return plain('text', obstacle);
  throw new CopylineError('LANE_UNSUITABLE', `The binary lane cannot take this load: ${obstacle}`, {
    expected: 'a table all of whose columns have an encoder',
  });
}

/** The other lanes are about how CSV is written. */
function assertLaneOfParquet({ lane }: LoadSpec): void {
  if (lane !== 'byte' && lane !== 'tolerant') return;
  throw new CopylineError('LANE_UNSUITABLE', `The ${lane} lane cannot take a Parquet file`);
}

/** The byte lane can neither leave a field out nor add one nor change what a field says. */
function assertPassThrough(
  { dialect, mapping }: LoadSpec,
  { fields, set }: ColumnMapping,
  reading: Reading,
): void {
  const obstacles = [
    ...(fields.includes(undefined) ? ['fields are left out'] : []),
    ...(set.length > 0 ? ['columns are set'] : []),
    ...(Object.keys(mapping.nulls).length > 0 ? ['a column has NULL markers of its own'] : []),
    ...(fields.every((field) => (field?.trim ?? 'none') === 'none') ? [] : ['values are trimmed']),
    ...(reading.encoding === 'utf-8' ? [] : [`the file is in ${reading.encoding}`]),
    ...tolerated(dialect).map((what) => `the dialect has ${what}`),
  ];
  if (obstacles.length === 0) return;
  throw new CopylineError(
    'LANE_UNSUITABLE',
    `The byte lane cannot take this load: ${obstacles.join(', ')}`,
  );
}

/** What takes the tolerant lane. */
function tolerated({ delimiter, comment, relaxedQuotes }: LoadSpec['dialect']): string[] {
  return [
    ...(comment === undefined ? [] : ['comments']),
    ...(relaxedQuotes ? ['relaxed quotes'] : []),
    ...(Buffer.byteLength(delimiter) > 1 ? ['a delimiter of several bytes'] : []),
  ];
}

/** The type of each column of the COPY. */
export function typesOf({ table, inferred }: LoadFacts, mapping: ColumnMapping): ValueType[] {
  if (table === undefined) return createdTypes(mapping, inferred).map(valueTypeOf);
  const types = new Map(table.columns.map(({ name, valueType }) => [name, valueType]));
  return columnsOf(mapping).map((name) => types.get(name) ?? valueTypeOf('text'));
}

/** Why the binary lane cannot be; undefined when it can. */
function obstacleOf(
  { session: { can, serverEncoding }, table }: LoadFacts,
  mapping: ColumnMapping,
  encoding: readonly ValueType[],
  session: EncoderSession,
): string | undefined {
  if (!can.provenEncoders) return 'the encoders are proven for PostgreSQL only';
  if (serverEncoding !== 'UTF8') return `the database’s encoding is ${serverEncoding}`;
  // A value that is left to the server ends one COPY and begins another.
  if (table?.hasStatementTrigger === true) return 'a trigger fires for each COPY';
  const without = encoding.findIndex((type) => encoderFor(type, session) === undefined);
  if (without < 0) return undefined;
  const name = columnsOf(mapping)[without] ?? '';
  const type = table?.columns.find((column) => column.name === name)?.type;
  return `column ${name} is of type ${type ?? encoding[without]?.name ?? ''}, which has no encoder`;
}

/** Values that are the same in all rows are judged once. @throws CopylineError `VALUE_REFUSED` */
function obstacleOfSet(
  file: string,
  { fields, set }: ColumnMapping,
  encoding: readonly ValueType[],
  session: EncoderSession,
): string | undefined {
  const first = fields.filter((field) => field !== undefined).length;
  for (const [i, { column, value: told }] of set.entries()) {
    const type = encoding[first + i];
    const encoder = type && encoderFor(type, session);
    const value = rowValue(told, file, ANY_LOAD_ID);
    if (encoder === undefined || value === RECORD_NUMBER) continue;
    const answer = encodeValue(value, encoder);
    if (answer === REFUSE) {
      const { sqlstate, reason } = encoder.refusal(value ?? '');
      throw new CopylineError('VALUE_REFUSED', `The value to be set: ${reason}`, {
        sqlstate,
        column,
      });
    }
    if (typeof answer === 'number') return `only the server can judge what ${column} is set to`;
  }
  return undefined;
}
