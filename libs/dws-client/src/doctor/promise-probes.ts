import { CopylineError } from '@copyline/contracts';

import type { Connection } from '../connection.ts';
import { settlesWithin } from '../in-time.ts';
import { diagnosticsOf } from '../server-errors.ts';

/** One of the driver's promises, tried on a real server. */
export interface PromiseProbe {
  readonly check: string;
  /** @returns what was found @throws when the promise is not kept */
  readonly attempt: (connection: Connection) => Promise<string>;
}

const ROWS = 1_000;
/** Neither first nor last, nor where a batch of rows would begin. */
const WRONG_LINE = 777;
/** More than all buffers on the way hold, so that the server is still at work when it is left. */
const MANY_ROWS = 500_000;
const ROW_BYTES = 1_000;
/** Longer than any cancel takes. */
const SLEEP_S = 30;
const CANCEL_AGAIN_MS = 500;

export const PROMISE_PROBES: readonly PromiseProbe[] = [
  {
    check: 'the database is in UTF-8',
    attempt: async (connection) => {
      const { rows } = await connection.query<{ encoding: string }>(
        `SELECT current_setting('server_encoding') AS encoding`,
      );
      return rows[0]?.encoding ?? '';
    },
  },
  {
    check: 'the session is known by pg_backend_pid()',
    attempt: async (connection) => String(await connection.backendPid()),
  },
  {
    check: 'COPY FROM STDIN counts, and is rolled back',
    attempt: (connection) =>
      rolledBack(connection, async () => {
        await connection.query('CREATE TEMPORARY TABLE copyline_doctor (id int, name text)');
        const lines = Array.from({ length: ROWS }, (_, i) => `${String(i)}\tname\\t${String(i)}\n`);
        const count = await connection.copyIn('COPY copyline_doctor FROM STDIN', (sink) =>
          sink.write(Buffer.from(lines.join(''))),
        );
        assert(count === ROWS, `the server counts ${String(count)} of ${String(ROWS)}`);
        const { rows } = await connection.query<{ sum: bigint; tabs: bigint }>(
          `SELECT sum(id)::int8 AS sum, sum(length(name) - length(replace(name, E'\\t', '')))::int8 AS tabs
             FROM copyline_doctor`,
        );
        assert(rows[0]?.sum === BigInt((ROWS * (ROWS - 1)) / 2), 'the rows are not those sent');
        assert(rows[0].tabs === BigInt(ROWS), 'the values are not those sent');
        return `${String(ROWS)} rows`;
      }),
  },
  {
    // Continue mode without savepoints leaves out the record at that line.
    check: 'COPY names the line of a row that a key refuses',
    attempt: async (connection) => {
      const lines = Array.from({ length: ROWS }, (_, i) => `${String(i)}\n`);
      lines[WRONG_LINE - 1] = '0\n';
      const error: unknown = await rolledBack(connection, async () => {
        await connection.query('CREATE TEMPORARY TABLE copyline_doctor (id int PRIMARY KEY)');
        await connection.copyIn('COPY copyline_doctor FROM STDIN', (sink) =>
          sink.write(Buffer.from(lines.join(''))),
        );
        return '';
      }).catch((cause: unknown) => cause);
      const context = diagnosticsOf(error)?.context ?? '';
      const line = /^COPY copyline_doctor, \D*(\d+)/m.exec(context)?.[1];
      assert(
        line === String(WRONG_LINE),
        `it names ${line === undefined ? 'none' : `line ${line}`}`,
      );
      return `line ${line}`;
    },
  },
  {
    check: 'a COPY FROM STDIN that is broken off leaves the session ready',
    attempt: async (connection) => {
      const reason = new CopylineError('INTERRUPTED', 'enough');
      const answer: unknown = await rolledBack(connection, async () => {
        await connection.query('CREATE TEMPORARY TABLE copyline_doctor (id int)');
        await connection.copyIn('COPY copyline_doctor FROM STDIN', async (sink) => {
          await sink.write(Buffer.from('1\n'));
          throw reason;
        });
        return '';
      }).catch((error: unknown) => error);
      assert(answer === reason || answer instanceof CopylineError, 'it did not fail');
      return await ready(connection);
    },
  },
  {
    check: 'a COPY TO STDOUT that is left early leaves the session ready',
    attempt: async (connection) => {
      const row = `repeat('x', ${String(ROW_BYTES)})`;
      const rows = `SELECT ${row} FROM generate_series(1, ${String(MANY_ROWS)})`;
      let pieces = 0;
      for await (const _piece of connection.copyOut(`COPY (${rows}) TO STDOUT`)) {
        if ((pieces += 1) === 2) break;
      }
      return await ready(connection);
    },
  },
  {
    check: 'a statement is cancelled, and the next one is not',
    attempt: async (connection) => {
      const sleeping = connection.query(`SELECT pg_sleep(${String(SLEEP_S)})`).then(
        () => undefined,
        (error: unknown) => error,
      );
      // A request has a connection of its own, and may overtake the statement that it is meant for: then again.
      assert(await connection.cancel(), 'the server has not acted on the CancelRequest');
      while (!(await settlesWithin(sleeping, CANCEL_AGAIN_MS))) await connection.cancel();
      const error = await sleeping;
      const code = error instanceof CopylineError ? error.code : 'nothing';
      assert(code === 'STATEMENT_CANCELLED', `it ended with ${code}`);
      return await ready(connection);
    },
  },
];

async function ready(connection: Connection): Promise<string> {
  const { rows } = await connection.query<{ one: number }>('SELECT 1 AS one');
  assert(rows[0]?.one === 1 && connection.isProvenIdle, 'the session is not idle');
  return 'ready';
}

async function rolledBack(connection: Connection, work: () => Promise<string>): Promise<string> {
  await connection.query('BEGIN');
  try {
    return await work();
  } finally {
    if (connection.isUsable) await connection.query('ROLLBACK');
  }
}

function assert(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}
