import type { ErrorCode, ExtractSpecInput } from '@copyline/contracts';
import { anyServer } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { expectNothingPublished, useExtracting } from './extracting.ts';

describe.each(anyServer())('what $name is not to run', (server) => {
  const extracting = useExtracting(server);
  const { db, extract } = extracting;

  it.each([
    ['two statements', 'select 1; select 2'],
    ['a way out of the parentheses', 'select 1) to stdout; drop table t; copy (select 1'],
    ['the end of the transaction', 'select 1) to stdout; commit; drop table t; copy (select 1'],
    ['one more in a comment', 'select 1 /* ; */) to stdout; drop table t; --'],
    ['an INSERT', 'insert into t values (2) returning id'],
    ['a CTE that writes', 'with w as (delete from t returning id) select * from w'],
    ['a lock', 'select id from t for update'],
    ['a function that writes', 'select writes()'],
    ['SELECT INTO', 'select 1 as id into u'],
    ['a command', 'vacuum'],
    ['nothing', '-- nothing'],
  ])('%s', async (_, query) => {
    await db.sql('create table t (id int)');
    await db.sql('insert into t values (1)');
    await db.sql(`create function writes() returns int language sql as
      $$ insert into t values (3) returning id $$`);
    const outcome = await extract({ from: { query } });
    expect(outcome.error).toMatchObject({ code: 'QUERY_INVALID', retry: 'never' });
    await expectNothingPublished(extracting, outcome);
    expect(await db.sql('select id from t')).toEqual([{ id: 1 }]);
  });

  // Where there is no COPY under a savepoint, every one is: see dws-face.test.ts.
  it.skipIf(server.isFace)(
    'a writing query in a transaction of the caller, which may write',
    async () => {
      await db.sql('create table t (id int)');
      await db.sql(`create function writes() returns int language sql as
      $$ insert into t values (3) returning id $$`);
      const connection = await extracting.open();
      await connection.transaction(async () => {
        await connection.query('insert into t values (1)');
        const outcome = await extract({ from: { query: 'select writes()' } }, { connection });
        expect(outcome.error).toMatchObject({ code: 'QUERY_INVALID' });
        await connection.query('insert into t values (2)');
      });
      expect(await db.sql('select id from t order by id')).toEqual([{ id: 1 }, { id: 2 }]);
    },
  );

  it.each<[ErrorCode, ExtractSpecInput['from']]>([
    ['TABLE_NOT_FOUND', { table: 'nowhere' }],
    ['COLUMN_NOT_FOUND', { table: 't', columns: ['id', 'nope'] }],
    ['TABLE_UNSUITABLE', { table: 's' }],
    ['SQL_FAILED', { table: 't', where: 'nope = 1' }],
    ['SQL_FAILED', { query: 'select nope from t' }],
    ['VALUE_REFUSED', { query: 'select 1 / (id - 5000) from generate_series(1, 9000) id' }],
  ])('is told with a code: %s for %o', async (code, from) => {
    await db.sql('create table t (id int)');
    await db.sql('create sequence s');
    const outcome = await extract({ from });
    expect(outcome.error).toMatchObject({ code });
    await expectNothingPublished(extracting, outcome);
  });
});
