import type pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { parseConninfo } from '../conninfo/conninfo.ts';
import { clientConfig, type SessionRequest } from './open-session.ts';

function configOf(text: string, more: Partial<SessionRequest> = {}): pg.ClientConfig {
  return clientConfig({
    parameters: parseConninfo(text, { env: { HOME: '/nonexistent', PGUSER: 'u' } }),
    ...{ address: '10.0.0.1', port: 5432, tls: undefined, password: undefined, timeoutMs: 1 },
    ...{ applicationName: undefined, searchPath: undefined, ...more },
  });
}

describe('what node-postgres is told', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('leaves nothing to the environment that the conninfo has decided', () => {
    vi.stubEnv('PGOPTIONS', '-c work_mem=1MB');
    vi.stubEnv('PGSSLNEGOTIATION', 'direct');
    expect(configOf("options=''")).toMatchObject({
      ...{ ssl: false, sslnegotiation: 'postgres', options: ' ', database: 'u' },
    });
    expect(configOf("options='-c a.b=c'").options).toBe('-c a.b=c');
  });

  it('sends no options where there are none: poolers refuse the parameter', () => {
    vi.stubEnv('PGOPTIONS', '');
    expect(configOf('')).not.toHaveProperty('options');
  });

  it('has the name of the caller, then of the conninfo, then its fall-back, then ours', () => {
    const nameOf = (text: string, applicationName?: string): unknown =>
      configOf(text, { applicationName }).application_name;
    const both = 'application_name=theirs fallback_application_name=other';
    expect(nameOf(both, 'mine')).toBe('mine');
    expect(nameOf(both)).toBe('theirs');
    expect(nameOf('fallback_application_name=other')).toBe('other');
    expect(nameOf('')).toBe('copyline');
  });

  it('keeps lines alive as far as Node can', () => {
    expect(configOf('')).toMatchObject({ keepAlive: true, keepAliveInitialDelayMillis: 30_000 });
    const other = configOf('keepalives=0 keepalives_idle=7');
    expect(other).toMatchObject({ keepAlive: false, keepAliveInitialDelayMillis: 7_000 });
  });

  it('has the search path behind the options, quoted and escaped', () => {
    const searchPath = ['sales', 'a "b\\c'];
    expect(configOf('options=-cx.y=z', { searchPath }).options).toBe(
      '-cx.y=z -c search_path="sales","a\\ ""b\\\\c"',
    );
    expect(configOf('', { searchPath: [] }).options).toBe('-c search_path=');
  });
});
