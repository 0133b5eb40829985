import pg from 'pg';
import type { TestDatabase } from '../databases/test-database.ts';
import { waitFor, type WaitOptions } from '../waiting.ts';

export interface GateOptions {
  /** The row that stops: the one whose `column` equals `at`. */
  readonly column: string;
  readonly at: number | bigint | string;
  /** Which change of that row stops; `insert` (so also COPY) unless told. */
  readonly event?: 'insert' | 'update';
}

/** A place where the server itself stops, held by the test. */
export interface Gate {
  /** Resolves with the backend's pid once it waits at the gate. */
  reached(options?: WaitOptions): Promise<number>;
  /** Opens the gate for good. Also done when the test ends. */
  release(): Promise<void>;
}

/**
 * Parks the server's COPY (or INSERT) in front of the row with `column = at`: earlier rows are
 * processed, the transaction is open, nothing is committed. A BEFORE ROW trigger takes an advisory
 * lock which the test holds; its WHEN clause keeps the cost of all other rows near zero.
 *
 * Any BEFORE ROW trigger makes COPY insert row by row instead of in batches: never measure speed
 * on a table that has a gate.
 */
export function openGate(db: TestDatabase, table: string, options: GateOptions): Promise<Gate> {
  return buildGate(db, table, options, 'row');
}

/**
 * Parks the server inside COMMIT, before the commit record is written: the client has sent COMMIT
 * and has no answer, and the outcome is still "not committed" when the backend dies there. A
 * deferred constraint trigger on the row with `column = at` takes the same kind of lock.
 *
 * `SET CONSTRAINTS ALL IMMEDIATE` fires it at that statement instead of inside COMMIT.
 */
export function commitGate(db: TestDatabase, table: string, options: GateOptions): Promise<Gate> {
  return buildGate(db, table, options, 'commit');
}

/**
 * Makes a view of so many rows, `(rid, filler)`, whose readers stop in front of the row `at`: what was
 * before it is on its way to the client, the transaction is open.
 */
export function openReadGate(
  db: TestDatabase,
  view: string,
  { rows, at }: { readonly rows: number; readonly at: number },
): Promise<Gate> {
  return holdGate(db, `the gate of the view ${view}`, async (key) => {
    const function_ = `${pg.escapeIdentifier(db.schema)}.testkit_gate_${key}`;
    await db.sql(
      `create function ${function_}() returns text language plpgsql as $gate$
       begin
         perform pg_advisory_xact_lock_shared(${LOCK_CLASS}, ${key});
         return 'gate';
       end $gate$`,
    );
    await db.sql(
      `create view ${view} as
       select i as rid, case when i = ${at} then ${function_}() else repeat('x', 100) end as filler
         from generate_series(1, ${rows}) i`,
    );
  });
}

/** Names the test kit's locks in pg_locks; the second half of the key is the gate. */
const LOCK_CLASS = 7_264_815;

let gates = 0;

async function buildGate(
  db: TestDatabase,
  table: string,
  options: GateOptions,
  where: 'row' | 'commit',
): Promise<Gate> {
  return holdGate(db, `the ${where} gate of ${table}`, (key) =>
    installTrigger(db, table, options, where, key),
  );
}

async function holdGate(
  db: TestDatabase,
  what: string,
  install: (key: number) => Promise<unknown>,
): Promise<Gate> {
  // Advisory locks are per database and files of one worker share one, one after the other; a gate
  // of an earlier test went with its session, so counting within this process is unique enough.
  const key = ++gates;
  const holder = await db.client();
  await holder.query('select pg_advisory_lock($1::int, $2::int)', [LOCK_CLASS, key]);
  await install(key);

  let released = false;
  return {
    reached: (wait) => waitFor(`a backend at ${what}`, () => waitingBackend(db, key), wait),
    release: async () => {
      if (released) return;
      released = true;
      await holder.query('select pg_advisory_unlock($1::int, $2::int)', [LOCK_CLASS, key]);
    },
  };
}

async function installTrigger(
  db: TestDatabase,
  table: string,
  { column, at, event = 'insert' }: GateOptions,
  where: 'row' | 'commit',
  key: number,
): Promise<void> {
  const name = `testkit_gate_${key}`;
  const condition = `new.${pg.escapeIdentifier(column)} = ${pg.escapeLiteral(String(at))}`;
  const kind = where === 'row' ? 'trigger' : 'constraint trigger';
  const time = where === 'row' ? 'before' : 'after';
  const deferral = where === 'row' ? '' : 'deferrable initially deferred';
  // The schema in front: the product may run with a search_path of its own. A shared lock, so
  // that loads which have passed do not stop each other.
  const function_ = `${pg.escapeIdentifier(db.schema)}.${name}`;
  await db.sql(
    `create function ${function_}() returns trigger language plpgsql as $gate$
     begin
       perform pg_advisory_xact_lock_shared(${LOCK_CLASS}, ${key});
       return new;
     end $gate$`,
  );
  await db.sql(
    `create ${kind} ${name} ${time} ${event} on ${table} ${deferral}
       for each row when (${condition}) execute function ${function_}()`,
  );
}

async function waitingBackend(db: TestDatabase, key: number): Promise<number | undefined> {
  const [waiting] = await db.sql<{ pid: number }>(
    `select l.pid from pg_locks l
      where l.locktype = 'advisory' and not l.granted
        and l.database = (select oid from pg_database where datname = current_database())
        and l.classid::int8 = $1 and l.objid::int8 = $2`,
    [LOCK_CLASS, key],
  );
  return waiting?.pid;
}
