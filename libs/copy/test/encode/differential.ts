import { connect, diagnosticsOf, type Connection } from '@copyline/dws-client';
import type { TestDatabase } from '@copyline/testkit';
import { expect } from 'vitest';

import {
  ASK,
  encodedRoom,
  encoderFor,
  REFUSE,
  type FieldEncoder,
  type Refusal,
} from '../../src/encode/index.ts';
import { Choices, mutate, NASTY } from './random-values.ts';
import type { TypeCase } from './type-case.ts';

const SOAK = process.env['COPYLINE_SOAK'] === '1';
/** What the project promises per type and server; a fortieth of it in every test run. */
export const WANTED = SOAK
  ? { accepted: 10_000, asked: 3000, refused: 3000 }
  : { accepted: 250, asked: 75, refused: 75 };
const BATCH_VALUES = SOAK ? 4000 : 350;
const MOST_BATCHES = SOAK ? 150 : 15;
/** Refused values per type that are put to COPY itself, one by one. */
const REFUSED_BY_COPY = 10;

export interface Counts {
  accepted: number;
  /** Asked, and the server takes it. */
  asked: number;
  /** Asked, and the server refuses it. */
  askedInVain: number;
  refused: number;
}

interface Comparison {
  readonly counts: Counts;
  /** Some of the refused values. */
  readonly refused: string[];
}

/** Where the encoders of a server's types are compared with the server. */
export class Differential implements AsyncDisposable {
  readonly connection: Connection;
  readonly #schema: string;

  private constructor(connection: Connection, schema: string) {
    this.connection = connection;
    this.#schema = schema;
  }

  static async open(
    db: TestDatabase,
    { dateStyle, timeZone }: NonNullable<TypeCase['settings']> = {},
  ): Promise<Differential> {
    const connection = await connect({ target: db.url() });
    await connection.query(`set search_path = ${db.schema}`);
    await connection.query(`set DateStyle = '${dateStyle ?? 'ISO, MDY'}'`);
    await connection.query(`set TimeZone = '${timeZone ?? 'UTC'}'`);
    return new Differential(connection, db.schema);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
  }

  /** Makes tables with a column `v` of the type, and a function that judges a text as COPY does. */
  async prepare(sql: string): Promise<FieldEncoder> {
    const { connection } = this;
    await connection.query(
      `drop table if exists expected, stored;
       create table expected (i int4, v ${sql});
       create table stored (i int4, v ${sql})`,
    );
    const { rows } = await connection.query<CatalogueRow>(CATALOGUE, [`${this.#schema}.stored`]);
    const facts = rows[0];
    if (facts === undefined) throw new Error('no such column');
    await connection.query(judgeFunction(facts));
    const encoder = encoderFor(
      {
        name: facts.name,
        kind: facts.labels === null ? 'base' : 'enum',
        typmod: facts.typmod,
        ...(facts.labels === null ? {} : { enumLabels: facts.labels }),
      },
      {
        serverVersion: facts.version,
        dateStyle: facts.date_style,
        timeZone: facts.time_zone,
      },
    );
    if (encoder === undefined) throw new Error(`no encoder for ${sql}`);
    return encoder;
  }

  /** What the type's input function says of each text: undefined when it takes it. */
  async judge(values: readonly string[]): Promise<(Refusal | undefined)[]> {
    const { rows } = await this.connection.query<{ state: string | null; reason: string }>(
      `select j.state, j.reason from unnest($1::text[]) with ordinality as t (v, n), judge(t.v) j
        order by n`,
      [values],
    );
    return rows.map(({ state, reason }) =>
      state === null ? undefined : { sqlstate: state, reason },
    );
  }

  /** Both tables as the server stores them: one copied as text, one with the encoder's bytes. */
  async store(values: readonly string[], fields: readonly Buffer[]): Promise<[Buffer, Buffer]> {
    await this.connection.query('truncate expected, stored');
    const text = values.map((value, i) => `${String(i)}\t${copyText(value)}\n`).join('');
    await this.connection.copyIn('copy expected from stdin', iterate(Buffer.from(text)));
    await this.copyBinary(fields);
    return [await this.#read('expected'), await this.#read('stored')];
  }

  async copyBinary(fields: readonly Buffer[]): Promise<void> {
    const statement = 'copy stored from stdin (format binary)';
    await this.connection.copyIn(statement, iterate(binaryFile(fields)));
  }

  /** What COPY itself says of a value that it refuses; undefined when it takes it. */
  async refusalByCopy(value: string): Promise<Refusal | undefined> {
    try {
      const line = iterate(Buffer.from(`0\t${copyText(value)}\n`));
      await this.connection.copyIn('copy expected from stdin', line);
      return undefined;
    } catch (error) {
      const { sqlstate = '', message = '' } = diagnosticsOf(error) ?? {};
      return { sqlstate, reason: message };
    }
  }

  async #read(table: string): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const statement = `copy (select i, v from ${table} order by i) to stdout (format binary)`;
    for await (const piece of this.connection.copyOut(statement)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }
}

/** Compares one type with a server until enough values of each kind have been seen. */
export async function compareType(db: TestDatabase, type: TypeCase, seed: number): Promise<Counts> {
  await using server = await Differential.open(db, type.settings);
  if (type.setUp !== undefined) await server.connection.query(type.setUp);
  const encoder = await server.prepare(type.sql);
  const choices = new Choices(seed);
  const counts: Counts = { accepted: 0, asked: 0, askedInVain: 0, refused: 0 };
  const refused: string[] = [];
  let values = [...NASTY, ...(type.values ?? [])];
  for (let batch = 0; batch < MOST_BATCHES && isWanting(type, counts); batch += 1) {
    while (values.length < BATCH_VALUES) values.push(generate(type, counts, choices));
    await compareBatch(server, encoder, values, { counts, refused });
    values = [];
  }
  for (const value of refused) {
    const said = await server.refusalByCopy(value);
    expect({ value, ...said }).toEqual({ value, ...encoder.refusal(value) });
  }
  return counts;
}

/** The kinds of values by what is still missing, each of them now and then. */
function generate(type: TypeCase, counts: Counts, choices: Choices): string {
  const { canonical, unusual = canonical, wrong } = type;
  const spelled = (choices.chance(0.5) ? canonical : unusual)(choices);
  if (counts.accepted < WANTED.accepted && choices.chance(0.5)) return canonical(choices);
  if (counts.asked < WANTED.asked && choices.chance(0.5)) return unusual(choices);
  return wrong !== undefined && choices.chance(0.5) ? wrong(choices) : mutate(spelled, choices);
}

function isWanting({ none }: TypeCase, counts: Counts): boolean {
  return (
    counts.accepted < WANTED.accepted ||
    (none?.asked === undefined && counts.asked < WANTED.asked) ||
    (none?.refused === undefined && counts.refused < WANTED.refused)
  );
}

async function compareBatch(
  server: Differential,
  encoder: FieldEncoder,
  values: readonly string[],
  { counts, refused }: Comparison,
): Promise<void> {
  const judged = await server.judge(values);
  const accepted: string[] = [];
  const fields: Buffer[] = [];
  values.forEach((value, i) => {
    const verdict = judged[i];
    const field = encodeField(encoder, value);
    if (field === REFUSE) {
      // The value itself is in the message: what differs is seen at once.
      expect({ value, ...encoder.refusal(value) }).toEqual({ value, ...verdict });
      counts.refused += 1;
      if (refused.length < REFUSED_BY_COPY) refused.push(value);
    } else if (field === ASK) {
      counts[verdict === undefined ? 'asked' : 'askedInVain'] += 1;
    } else {
      expect({ value, refusal: verdict }).toEqual({ value, refusal: undefined });
      accepted.push(value);
      fields.push(field);
    }
  });
  counts.accepted += accepted.length;
  await expectSameStored(server, accepted, fields);
}

/** Accepted values, stored as the encoder writes them, are what COPY stores of their text. */
export async function expectSameStored(
  server: Differential,
  values: readonly string[],
  fields: readonly Buffer[],
): Promise<void> {
  const [expected, stored] = await server.store(values, fields);
  if (expected.equals(stored)) return;
  const { rows } = await server.connection.query<{ i: number; expected: string; stored: string }>(
    `select i, e.v::text as expected, s.v::text as stored from expected e join stored s using (i)
      where e.v::text is distinct from s.v::text order by i limit 5`,
  );
  expect(rows.map((row) => ({ ...row, value: values[row.i] }))).toEqual([]);
  throw new Error('What is stored differs, but not as text');
}

const ROOM_CANARY = 0xa5;

/** The field as the encoder writes it, at an odd place, between bytes that it must leave alone. */
export function encodeField(
  encoder: FieldEncoder,
  value: string,
): Buffer | typeof ASK | typeof REFUSE {
  const content = Buffer.from(value);
  const bytes = Buffer.concat([Buffer.from('9'), content, Buffer.from('9')]);
  const room = encodedRoom(content.length);
  const out = Buffer.alloc(room + 4, ROOM_CANARY);
  const end = encoder.encode(bytes, 1, 1 + content.length, out, 3);
  expect(out[2]).toBe(ROOM_CANARY);
  expect(out[room + 3]).toBe(ROOM_CANARY);
  if (end === ASK || end === REFUSE) return end;
  expect(end - 3).toBeLessThanOrEqual(room);
  return Buffer.from(out.subarray(3, end));
}

/** A file for COPY BINARY with an int4 before each field. */
function binaryFile(fields: readonly Buffer[]): Buffer {
  const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
  const rows = fields.flatMap((field, i) => {
    const start = Buffer.alloc(10);
    start.writeInt16BE(2, 0);
    start.writeInt32BE(4, 2);
    start.writeInt32BE(i, 6);
    return [start, field];
  });
  return Buffer.concat([header, ...rows, Buffer.from([0xff, 0xff])]);
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value in COPY's text format. */
function copyText(value: string): string {
  return value.replace(/[\\\t\n\r]/g, (c) => ESCAPES[c] ?? c);
}

// eslint-disable-next-line @typescript-eslint/require-await -- a source of one piece
async function* iterate(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

interface CatalogueRow {
  readonly name: string;
  readonly typmod: number;
  readonly labels: string[] | null;
  readonly input: string;
  readonly arguments: number;
  readonly io_param: string;
  readonly version: number;
  readonly date_style: string;
  readonly time_zone: string;
}

const CATALOGUE = `
  select t.typname as name, a.atttypmod as typmod, t.typinput::regproc::text as input,
         p.pronargs::int4 as arguments,
         (case when t.typelem <> 0 then t.typelem else t.oid end)::text as io_param,
         (select array_agg(enumlabel::text order by enumsortorder) from pg_enum
           where enumtypid = t.oid) as labels,
         current_setting('server_version_num')::int4 as version,
         current_setting('DateStyle') as date_style, current_setting('TimeZone') as time_zone
    from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_proc p on p.oid = t.typinput
   where attrelid = $1::regclass and attname = 'v'`;

/** COPY calls the type's input function with the column's typmod; so does this, and nothing else. */
function judgeFunction({ input, arguments: count, io_param, typmod }: CatalogueRow): string {
  const more = count === 1 ? '' : `, ${io_param}::oid, ${String(typmod)}`;
  return `
    create or replace function judge(v text, out state text, out reason text) as $$
    begin
      perform ${input}(textout(v)${count === 2 ? `, ${io_param}::oid` : more});
    exception when others then
      get stacked diagnostics state = returned_sqlstate, reason = message_text;
    end $$ language plpgsql`;
}
