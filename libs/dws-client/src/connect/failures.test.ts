import { CopylineError } from '@copyline/contracts';
import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { retryVerdict } from '../retry-rules.ts';
import { connectFailure, isDecisive } from './failures.ts';
import { resolveParameters } from './connect.ts';

const PARAMETERS = resolveParameters({ host: 'a,b', port: '1,2', user: 'etl', dbname: 'sales' });
const TARGET = 'etl@a:1,b:2/sales';

function serverError(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('said the server', 1, 'error'), { code });
}

function errno(code: string): Error {
  return Object.assign(new Error(`connect ${code} 10.0.0.1:5432`), { code });
}

const failure = (...errors: readonly Error[]): ReturnType<typeof connectFailure> =>
  connectFailure(
    PARAMETERS,
    errors.map((error, i) => ({ where: `place ${i}`, error })),
  );

describe('a failure to connect', () => {
  it.each([
    [serverError('28P01'), 'AUTH_FAILED', true],
    [serverError('28000'), 'AUTH_FAILED', true],
    [serverError('3D000'), 'DATABASE_NOT_FOUND', true],
    [serverError('42501'), 'CONNECT_FAILED', true],
    [new CopylineError('AUTH_FAILED', 'of our own login'), 'AUTH_FAILED', true],
    [new CopylineError('CONNECT_FAILED', 'server is in hot standby mode'), 'CONNECT_FAILED', false],
    [serverError('57P03'), 'CONNECT_FAILED', false],
    [serverError('53300'), 'CONNECT_FAILED', false],
    [errno('ECONNREFUSED'), 'CONNECT_FAILED', false],
    [new Error('SASL: client password must be a string'), 'AUTH_FAILED', true],
    [new Error('SASL: client password must be a non-empty string'), 'AUTH_FAILED', true],
  ])('%s becomes %s and names the target; it ends the search: %s', (error, code, decisive) => {
    expect(failure(error)).toMatchObject({ code, cause: error });
    expect(failure(error).message).toContain(TARGET);
    expect(isDecisive(error)).toBe(decisive);
  });

  it.each(['timeout expired', 'Connection terminated due to connection timeout'])(
    'says that nobody answered: %s',
    (message) => {
      expect(failure(new Error(message)).message).toContain('no answer in time');
    },
  );

  it('says of every address why', () => {
    const both = failure(errno('ECONNREFUSED'), serverError('28P01'));
    expect(both).toMatchObject({ code: 'AUTH_FAILED', sqlstate: '28P01' });
    expect(both.message).toBe(
      `No connection to ${TARGET}: place 0: connect ECONNREFUSED 10.0.0.1:5432; place 1: said the server`,
    );
    expect(both.cause).toBeInstanceOf(AggregateError);
    expect(retryVerdict(both, 'connect')).toBe('never');
  });

  it('is tried again for the address with the best prospects', () => {
    const tls = errno('CERT_HAS_EXPIRED');
    expect(retryVerdict(failure(tls, errno('ENOTFOUND')), 'connect')).toBe('later');
    expect(retryVerdict(failure(tls, errno('ETIMEDOUT')), 'connect')).toBe('soon');
    expect(retryVerdict(failure(tls, serverError('53300')), 'connect')).toBe('later');
    expect(retryVerdict(failure(tls, tls), 'connect')).toBe('never');
    expect(failure(serverError('57P03'), serverError('57P03')).sqlstate).toBe('57P03');
  });
});
