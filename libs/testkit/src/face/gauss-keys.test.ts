import { expect, it } from 'vitest';
import { isProof, signatureOf, storeKeys } from './gauss-keys.ts';
import { refusalOf, rewrite } from './gauss-sql.ts';

it('the face judges a login as a GaussDB does: by the published test vector', () => {
  const salt = Buffer.from('0123456789abcdef'.repeat(4), 'hex');
  const token = Buffer.from('a1b2c3d4', 'hex');
  const keys = storeKeys('Gauss@123', salt, 10_000, 'sha256');
  expect(keys.serverKey.toString('hex')).toBe(
    '171168e37c58a4b985bbacc30d5f4a377e7dcada26e99fd54f8db163a1010a91',
  );
  expect(keys.storedKey.toString('hex')).toBe(
    'b870f227d7b7a92298ffabf84acfe627c1faac697acf99144bf86b2f022cd6f1',
  );
  expect(signatureOf(keys, token).toString('hex')).toBe(
    '2a5a5f96a7fe7457faacafe98ac29b8675b3d7cefba6500ba906a79fbcce8bc3',
  );
  const answer = 'df996fdae2a65be0ddd61a3defc9aa35083904ed0cf35115951dfe6ddd7f87c4';
  expect(isProof(keys, token, answer, 'sha256')).toBe(true);
  expect(isProof(keys, token, answer.replace('d', 'e'), 'sha256')).toBe(false);
  expect(isProof(keys, token, answer.toUpperCase(), 'sha256')).toBe(false);
});

it.each([
  ["PREPARE TRANSACTION 'a'", 0],
  ['discard all', 0],
  ['LISTEN c', 0],
  ['declare c scroll cursor for select 1', 0],
  ['copy t from stdin', 1],
  ['copy (select 1) to stdout (format csv, header true)', 0],
  ['select from t', 0],
])('the face refuses: %s', (sql, savepoints) => {
  expect(refusalOf(sql, savepoints)).toBeDefined();
});

it.each([
  ['copy t from stdin', 0],
  ['discard temp', 0],
  ['declare c no scroll cursor for select 1', 0],
  ["select 'listen, discard all, select from'", 0],
  ['copy (select 1) to stdout (format csv)', 0],
])('the face does: %s', (sql, savepoints) => {
  expect(refusalOf(sql, savepoints)).toBeUndefined();
});

it('the face calls sessions by 64 bits, wherever they are spoken of', () => {
  expect(rewrite('select pg_cancel_backend($1)')).toContain('($1::int8 - 140229352617744::int8)');
  expect(rewrite('select pid from pg_stat_activity where true')).toContain(
    'FROM pg_catalog.pg_stat_activity) pg_stat_activity where true',
  );
  expect(rewrite('create table t (id int) DISTRIBUTE BY HASH(id)')).toBe(
    'create table t (id int) ',
  );
});
