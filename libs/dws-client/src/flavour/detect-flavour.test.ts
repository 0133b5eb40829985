import { describe, expect, it } from 'vitest';

import { assertCan, capabilitiesOf, NotSupportedError, serverOfKind } from './capabilities.ts';
import { detectFlavour, flavourOfParameters } from './detect-flavour.ts';

describe('the flavour of a server', () => {
  it.each([
    ['PostgreSQL 18.1 on x86_64-pc-linux-gnu, compiled by gcc', 'postgres', '18.1'],
    ['PostgreSQL 9.6.24 on x86_64-pc-linux-gnu', 'postgres', '9.6.24'],
    [
      'PostgreSQL 9.2.4 gsql ((GaussDB 8.2.1 build 39137c2d) compiled at 2022-09-23 15:46:27 release)',
      'gaussdb-dws',
      '8.2.1',
    ],
    [
      'PostgreSQL 9.2.4 (GaussDB 9.1.0 build be03994e) compiled at 2024-05-01',
      'gaussdb-dws',
      '9.1.0',
    ],
    ['PostgreSQL 9.2.4 (GaussDB A 8.0.0 build 1)', 'gaussdb-dws', '8.0.0'],
    [
      'gaussdb (GaussDB Kernel 505.2.1.SPC0800 build 1ba6a5ee) compiled',
      'gaussdb',
      '505.2.1.SPC0800',
    ],
    ['PostgreSQL 9.2.4 (GaussDB Kernel V500R002C00 build 12) compiled', 'gaussdb', 'V500R002C00'],
    ['(openGauss 5.0.0 build a07d57c3) compiled at 2023-03-29', 'opengauss', '5.0.0'],
    ['PostgreSQL 9.2.4 (openGauss-lite 7.0.0-RC3 build 1) compiled', 'opengauss', '7.0.0-RC3'],
    ['Something 1.0', 'postgres', '1.0'],
  ])('%s', (text, flavour, version) => {
    expect(detectFlavour(text)).toEqual({ flavour, version });
  });

  it('is known from the start-up parameters of a PostgreSQL, and asked for otherwise', () => {
    const of = (parameters: Readonly<Record<string, string>>) =>
      flavourOfParameters(new Map(Object.entries(parameters)));
    expect(of({ server_version: '15.14 (Debian 15.14-0+deb12u1)' })).toEqual({
      flavour: 'postgres',
      version: '15.14',
    });
    expect(of({ server_version: '18beta1' })).toMatchObject({ version: '18beta1' });
    expect(of({ server_version: '9.2.4' })).toBeUndefined();
    expect(of({ server_version: '14.0', connection_info: '' })).toBeUndefined();
    expect(of({})).toBeUndefined();
  });

  it('decides by one frozen table what can be done', () => {
    const dws = serverOfKind({ flavour: 'gaussdb-dws', version: '8.2.1' });
    expect(() => {
      assertCan(dws, 'notifications', 'LISTEN');
    }).toThrow(NotSupportedError);
    expect(() => {
      assertCan(dws, 'notifications', 'LISTEN');
    }).toThrow('GaussDB(DWS) 8.2.1 has no LISTEN');
    expect(Object.isFrozen(dws.can)).toBe(true);
    const of = (version: string): boolean =>
      capabilitiesOf({ flavour: 'postgres', version }).modernCatalogue;
    expect([of('9.6.24'), of('11.22'), of('12.0'), of('18beta1')]).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});
