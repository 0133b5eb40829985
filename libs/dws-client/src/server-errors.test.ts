import { CopylineError } from '@copyline/contracts';
import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { diagnosticsOf, fromServerError, provesNoEffect, sqlstateOf } from './server-errors.ts';

function serverError(code: string, fields: Partial<pg.DatabaseError> = {}): pg.DatabaseError {
  const error = new pg.DatabaseError(fields.message ?? 'said the server', 1, 'error');
  return Object.assign(error, { code }, fields);
}

function errno(code: string, message = `connect ${code} 10.0.0.1:5432`): Error {
  return Object.assign(new Error(message), { code });
}

describe('a server error', () => {
  it.each([
    ['08006', 'CONNECTION_LOST'],
    ['22P02', 'VALUE_REFUSED'],
    ['23505', 'CONSTRAINT_VIOLATED'],
    ['25P02', 'SQL_FAILED'],
    ['25P03', 'CONNECTION_LOST'],
    ['25P04', 'CONNECTION_LOST'],
    ['28P01', 'AUTH_FAILED'],
    ['3D000', 'DATABASE_NOT_FOUND'],
    ['40001', 'SQL_TRANSIENT'],
    ['40P01', 'SQL_TRANSIENT'],
    ['42501', 'PERMISSION_DENIED'],
    ['42P01', 'SQL_FAILED'],
    ['53100', 'DISK_FULL'],
    ['53200', 'SQL_TRANSIENT'],
    ['55P03', 'SQL_TRANSIENT'],
    ['57014', 'STATEMENT_CANCELLED'],
    ['57P01', 'CONNECTION_LOST'],
    ['57P05', 'CONNECTION_LOST'],
    ['XX000', 'SQL_FAILED'],
  ])('%s becomes %s', (sqlstate, code) => {
    expect(fromServerError(serverError(sqlstate))).toMatchObject({ code, sqlstate });
  });

  it('gives its message and hint, and keeps DETAIL apart', () => {
    const error = fromServerError(
      serverError('23505', {
        message: 'duplicate key',
        hint: 'Use another.',
        detail: 'Key (email)=(a@b.c) already exists.',
        constraint: 'people_email_key',
      }),
    );
    expect(error.message).toBe('duplicate key (Use another.)');
    expect(diagnosticsOf(error)).toMatchObject({
      sqlstate: '23505',
      detail: 'Key (email)=(a@b.c) already exists.',
      constraint: 'people_email_key',
    });
  });

  it('is cut when it is long, and never inside a character', () => {
    const { message } = fromServerError(serverError('22P02', { message: `x${'😀'.repeat(500)}` }));
    expect(message.length).toBeLessThanOrEqual(301);
    expect(message.endsWith('😀…')).toBe(true);
  });

  it('stays what it is when it has been translated before', () => {
    const known = new CopylineError('VALUE_REFUSED', 'known', { sqlstate: '22P02' });
    expect(fromServerError(known)).toBe(known);
    expect(sqlstateOf(known)).toBe('22P02');
    expect(sqlstateOf(new Error('other'))).toBeUndefined();
    expect(diagnosticsOf(new Error('other'))).toBeUndefined();
  });
});

describe('a failure without SQLSTATE', () => {
  it.each([
    errno('ECONNRESET', 'read ECONNRESET'),
    errno('EPIPE', 'write EPIPE'),
    new Error('Connection terminated unexpectedly'),
  ])('of the line is a lost connection: $message', (error) => {
    expect(fromServerError(error)).toMatchObject({ code: 'CONNECTION_LOST', cause: error });
  });

  it('of a value is no lost connection, and no repetition helps', () => {
    expect(fromServerError(new TypeError('Converting circular structure'))).toMatchObject({
      code: 'INTERNAL',
      retry: 'never',
    });
  });
});

describe('whether an error proves that nothing was done', () => {
  it.each(['23505', '40001', '53100', '25P02'])('%s does', (sqlstate) => {
    expect(provesNoEffect(serverError(sqlstate))).toBe(true);
  });

  it.each(['40003', '08007', '08P01', '57P01', '57P02'])('%s does not', (sqlstate) => {
    expect(provesNoEffect(serverError(sqlstate))).toBe(false);
  });

  it('a broken line does not', () => {
    expect(provesNoEffect(errno('ECONNRESET'))).toBe(false);
  });
});
