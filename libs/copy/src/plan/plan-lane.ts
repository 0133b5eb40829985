import { CopylineError, type LoadSpec } from '@copyline/contracts';

import { valueTypeOf } from '../csv/column-types.ts';
import { encoderFor, type EncoderSession, type ValueType } from '../encode/index.ts';
import type { LoadFacts } from './facts.ts';

/** How the records reach the server. */
export interface LanePlan {
  readonly name: 'binary' | 'text' | 'byte';
  readonly reason: string;
  /** The form of rows that are not encoded: all of them outside the binary lane. */
  readonly plainForm: 'text' | 'csv';
  /** What the fields are encoded as, one for each; empty outside the binary lane. */
  readonly encoding: readonly ValueType[];
  readonly session: EncoderSession;
}

/**
 * Chooses the lane: the binary one, which takes work off the server, wherever every column has an
 * encoder; else the text lane, in which the server reads the values but not the CSV.
 *
 * @throws CopylineError `LANE_UNSUITABLE` when the specification wants the binary lane and it cannot be
 */
export function planLane(spec: LoadSpec, facts: LoadFacts, columns: readonly string[]): LanePlan {
  const { session: settings, table } = facts;
  const session: EncoderSession = {
    serverVersion: settings.serverVersionNumber,
    dateStyle: settings.dateStyle,
    timeZone: settings.timeZone,
  };
  const plain = (name: 'text' | 'byte', reason: string): LanePlan => ({
    name,
    reason,
    plainForm: name === 'text' ? 'text' : 'csv',
    encoding: [],
    session,
  });
  if (spec.lane === 'text' || spec.lane === 'byte') return plain(spec.lane, 'it was asked for');
  const encoding = columns.map((name, i) => typeOfColumn(facts, name, i));
  const obstacle = obstacleOf(facts, columns, encoding, session);
  if (obstacle === undefined) {
    const reason = spec.lane === 'binary' ? 'it was asked for' : 'every column has an encoder';
    return { name: 'binary', reason, plainForm: 'text', encoding, session };
  }
  if (spec.lane === undefined) return plain('text', obstacle);
  throw new CopylineError('LANE_UNSUITABLE', `The binary lane cannot take this load: ${obstacle}`, {
    ...(table === undefined ? {} : { expected: 'a table all of whose columns have an encoder' }),
  });
}

function typeOfColumn({ table, inferred }: LoadFacts, name: string, index: number): ValueType {
  const column = table?.columns.find((each) => each.name === name);
  return column?.valueType ?? valueTypeOf(inferred?.[index] ?? 'text');
}

/** Why the binary lane cannot be; undefined when it can. */
function obstacleOf(
  { session: { serverEncoding }, table }: LoadFacts,
  columns: readonly string[],
  encoding: readonly ValueType[],
  session: EncoderSession,
): string | undefined {
  if (serverEncoding !== 'UTF8') return `the database’s encoding is ${serverEncoding}`;
  // A value that is left to the server ends one COPY and begins another.
  if (table?.hasStatementTrigger === true) return 'a trigger fires for each COPY';
  const without = encoding.findIndex((type) => encoderFor(type, session) === undefined);
  if (without < 0) return undefined;
  const name = columns[without] ?? '';
  const type = table?.columns.find((column) => column.name === name)?.type;
  return `column ${name} is of type ${type ?? encoding[without]?.name ?? ''}, which has no encoder`;
}
