import { postgres18, useOwnDatabase } from '@copyline/testkit';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { loadReportSchema, type ErrorCode } from '@copyline/contracts';

import { copyline, outcomeOf, startLoad } from './copyline.ts';

const CANARY = 'sekret-canary-8741';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copyline-errors-'));
  await mkdir(join(directory, 'empty'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Case {
  readonly name: string;
  readonly content?: string;
  readonly before?: string;
  readonly file?: string;
  readonly into?: string;
  readonly target?: (url: URL) => Promise<void> | void;
  readonly flags?: readonly string[];
  readonly code: ErrorCode;
  readonly exit: number;
  /** What the message must say. */
  readonly says: RegExp;
  readonly place?: object;
}

const CASES: readonly Case[] = [
  {
    name: 'a wrong password',
    target: (url) => void (url.password = CANARY),
    code: 'AUTH_FAILED',
    exit: 1,
    says: /password authentication failed for user/,
  },
  {
    name: 'an unreachable host',
    target: async (url) => void (url.port = String(await unusedPort())),
    code: 'CONNECT_FAILED',
    exit: 1,
    says: /No connection to .*ECONNREFUSED/,
  },
  {
    name: 'a missing database',
    target: (url) => void (url.pathname = '/nowhere'),
    code: 'DATABASE_NOT_FOUND',
    exit: 1,
    says: /database "nowhere" does not exist/,
  },
  {
    name: 'a missing table',
    into: 'sales.nothing',
    code: 'TABLE_NOT_FOUND',
    exit: 1,
    says: /The table sales\.nothing does not exist/,
  },
  {
    name: 'a view that cannot be loaded',
    before: 'CREATE VIEW v AS SELECT * FROM t',
    into: 'v',
    code: 'TABLE_UNSUITABLE',
    exit: 1,
    says: /public\.v is a view without an INSTEAD OF/,
  },
  {
    name: 'a missing file',
    file: 'nothing.csv',
    code: 'SOURCE_NOT_FOUND',
    exit: 1,
    says: /does not exist/,
  },
  {
    name: 'a folder without files',
    file: 'empty',
    code: 'NO_FILES',
    exit: 1,
    says: /no file/i,
  },
  {
    name: 'a column that the table does not have, by --columns',
    flags: ['--columns', 'id,nmae'],
    code: 'COLUMN_NOT_FOUND',
    exit: 1,
    says: /no column “nmae”/,
  },
  {
    name: 'a header that disagrees',
    content: 'id,nmae\n1,x\n',
    code: 'HEADER_MISMATCH',
    exit: 1,
    says: /only in the file: “nmae”; only in the table: “name”/,
  },
  {
    name: 'an empty file',
    content: '',
    code: 'EMPTY_SOURCE',
    exit: 1,
    says: /no content/,
  },
  {
    name: 'a malformed record',
    content: 'id,name\n1,one\n2,"tw"o\n',
    code: 'TEXT_AFTER_QUOTE',
    exit: 1,
    says: /Text after a closing quote/,
    place: { record: 2, line: 3, column: 'name', byteOffset: 20, excerpt: '"tw"o', located: true },
  },
  {
    name: 'a value of the wrong type',
    content: 'id,name\n1,one\nx2,two\n',
    code: 'VALUE_REFUSED',
    exit: 1,
    says: /invalid input syntax for type integer/,
    place: { record: 2, line: 3, column: 'id', byteOffset: 14, excerpt: 'x2', sqlstate: '22P02' },
  },
  {
    name: 'a newer ledger',
    before: `CREATE SCHEMA copyline;
             CREATE TABLE copyline.migration (version integer, applied_at timestamptz);
             INSERT INTO copyline.migration VALUES (999, now())`,
    code: 'LEDGER_NEWER',
    exit: 1,
    says: /version 999/,
  },
  {
    name: 'no right to create the ledger',
    before: `CREATE ROLE errors_loader LOGIN PASSWORD '${CANARY}';
             GRANT INSERT ON t TO errors_loader`,
    target: (url) => {
      url.username = 'errors_loader';
      url.password = CANARY;
    },
    code: 'LEDGER_UNAVAILABLE',
    exit: 1,
    says: /permission denied for database/,
  },
  {
    name: 'no right to insert into the table',
    before: `CREATE ROLE errors_loader LOGIN PASSWORD '${CANARY}';
             GRANT CREATE ON DATABASE DATABASE_NAME TO errors_loader`,
    target: (url) => {
      url.username = 'errors_loader';
      url.password = CANARY;
    },
    code: 'PERMISSION_DENIED',
    exit: 1,
    says: /permission denied for table t/,
  },
  {
    name: 'an unknown flag',
    flags: ['--bogus'],
    code: 'USAGE',
    exit: 2,
    says: /Unknown option '--bogus'/,
  },
  {
    name: 'a value that a flag does not take',
    flags: ['--quote', 'ab'],
    code: 'USAGE',
    exit: 2,
    says: /--quote.*one ASCII character/,
  },
  {
    name: 'a dialect that contradicts itself',
    flags: ['--delimiter', '"'],
    code: 'CONFIG_INVALID',
    exit: 2,
    says: /delimiter and quote must differ/,
  },
  {
    name: 'a target that is no name and no conninfo',
    target: (url) => void (url.href = 'postgresql://never'),
    flags: ['--target', 'warehouse'],
    code: 'CONNINFO_INVALID',
    exit: 2,
    says: /no connection named “warehouse”/,
  },
];

describe('every failure is one clear message', () => {
  const server = postgres18();
  const db = useOwnDatabase(server);

  it.each(CASES)('$name', async (failure) => {
    await db.sql('CREATE TABLE t (id integer, name text)');
    if (failure.before !== undefined) {
      await db.sql(failure.before.replace('DATABASE_NAME', db.database));
    }
    const file = join(directory, failure.file ?? 'orders.csv');
    if (failure.file === undefined) await writeFile(file, failure.content ?? 'id,name\n1,one\n');
    const url = new URL(db.url());
    await failure.target?.(url);

    try {
      const load = startLoad(file, failure.into ?? 't', url.href, ...(failure.flags ?? []));
      const { code, report } = await outcomeOf(load);

      expect(report.error).toMatchObject({ code: failure.code, ...failure.place });
      expect(code).toBe(failure.exit);
      expect(() => loadReportSchema.parse(report)).not.toThrow();
      expect(load.stderr).toContain(failure.code);
      expect(load.stderr.replace(/\s+/g, ' ')).toMatch(failure.says);
      expect(load.stderr).toMatch(/\n {2}next +\S/);
      expect(load.stderr).not.toMatch(/\n\s+at /);
      expect(load.stderr + load.stdout).not.toContain(CANARY);
      expect(await db.sql('SELECT FROM t')).toEqual([]);
    } finally {
      if (failure.before?.includes('ROLE') === true) {
        await db.sql('DROP OWNED BY errors_loader; DROP ROLE errors_loader');
      }
    }
  });

  it('a server that never answers', async () => {
    await using silent = await silentServer();
    const url = `postgresql://user@127.0.0.1:${String(silent.port)}/x?connect_timeout=1`;
    await writeFile(join(directory, 'orders.csv'), 'id\n1\n');
    const { code, report } = await outcomeOf(startLoad(join(directory, 'orders.csv'), 't', url));
    expect(code).toBe(1);
    expect(report.error).toMatchObject({ code: 'CONNECT_FAILED', retry: 'retry' });
  });

  it('--verbose adds the stack with its causes, and still no secret', async () => {
    await writeFile(join(directory, 'orders.csv'), 'id,name\n1,one\n');
    const url = new URL(db.url());
    url.password = CANARY;
    const load = copyline([
      'load',
      join(directory, 'orders.csv'),
      ...['--into', 't', '--target', url.href, '--verbose'],
    ]);
    expect((await load.exit).code).toBe(1);
    expect(load.stderr).toMatch(/\n\s+at /);
    expect(load.stderr).toContain('caused by');
    expect(load.stderr).not.toContain(CANARY);
  });

  it('a role that a DBA has prepared with init --print-sql can load', async () => {
    const script = copyline(['init', '--print-sql']);
    expect((await script.exit).code).toBe(0);
    await db.sql('CREATE TABLE t (id integer, name text)');
    await db.sql(`CREATE ROLE errors_prepared LOGIN PASSWORD '${CANARY}'`);
    try {
      await db.sql('GRANT INSERT ON t TO errors_prepared');
      await db.sql(script.stdout.replace(/^-- (GRANT.*) TO loader;$/gm, '$1 TO errors_prepared;'));
      const file = join(directory, 'orders.csv');
      await writeFile(file, 'id,name\n1,one\n');
      const url = roleUrl(db.url(), 'errors_prepared');
      expect((await outcomeOf(startLoad(file, 't', url))).code).toBe(0);
      const again = await outcomeOf(startLoad(file, 't', url));
      expect(again).toMatchObject({ code: 0, report: { deduplicated: true } });
    } finally {
      await db.sql('DROP OWNED BY errors_prepared; DROP ROLE errors_prepared');
    }
  });
});

function roleUrl(base: string, role: string): string {
  const url = new URL(base);
  url.username = role;
  url.password = CANARY;
  return url.href;
}

async function unusedPort(): Promise<number> {
  await using server = await silentServer();
  return server.port;
}

/** Accepts connections and says nothing. */
async function silentServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
}
