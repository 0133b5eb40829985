import { runProcess, anyServer, testServersAndFace, useOwnDatabase } from '@copyline/testkit';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** As a user runs them: with the built libraries, in a process of their own. */
async function outputOf(example: string, ...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../../../examples/${example}`, import.meta.url));
  const running = runProcess(process.execPath, [file, ...args]);
  expect(await running.exit).toEqual({ code: 0, signal: null });
  expect(running.stderr).toBe('');
  return running.stdout;
}

describe.each(testServersAndFace())('the first steps, on $name', (server) => {
  const db = useOwnDatabase(server);

  it('are those of psycopg2', async () => {
    expect(await outputOf('driver-first-steps/first-steps.mjs', db.url())).toBe(
      [
        `connected to ${server.isFace ? 'gaussdb-dws' : 'postgres'}`,
        'table created',
        'rows: 1 number1, 2 number2',
        'after the update: 1 numberupdated, 2 number2',
        'deleted: 1, left: 2 number2\n',
      ].join('\n'),
    );
  });
});

describe.each(anyServer())('the examples of the driver, on $name', (server) => {
  const db = useOwnDatabase(server);

  // Which the face cannot do: it has no COPY under a savepoint.
  it.skipIf(server.isFace)('interrupted COPYs leave the transaction alive', async () => {
    expect(await outputOf('driver-interrupted-copy/interrupted-copy.mjs', db.url())).toBe(
      [
        'read enough, then: in-transaction',
        'aborted: INTERRUPTED, then: in-transaction',
        'the source is broken, then: in-transaction',
        'committed: before and after; rows of the broken source: 0\n',
      ].join('\n'),
    );
  });

  it('of several hosts the one that works is found', async () => {
    const output = await outputOf('driver-multi-host/multi-host.mjs');
    expect(output).toBe(
      [
        'gone: started',
        'rude: started',
        'rude: made',
        'rude: awaiting-response',
        'cn3: started',
        'cn3: made',
        'cn3: awaiting-response',
        'cn3: auth-ok',
        'cn3: check-target',
        'cn3: ok',
        'connected; a standby: false',
        'CONNECT_FAILED: connect ECONNREFUSED; Connection terminated unexpectedly\n',
      ].join('\n'),
    );
  });

  it('a deadlock is got out of', async () => {
    const output = await outputOf('driver-retry/transaction-with-retry.mjs', db.url());
    expect(output).toContain('attempt 1: SQL_TRANSIENT (40P01), rolled_back; again in a moment');
    expect(output).toMatch(/money: 80 and 120\n$/);
  });

  it('a pool under load gives out clean connections only', async () => {
    const output = await outputOf('driver-pool/pool-under-load.mjs', db.url());
    expect(output).toContain('60 tasks, at most 4 connections at a time');
    expect(output).toMatch(/in use 0\n$/);
  });
});
