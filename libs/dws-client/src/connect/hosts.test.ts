import { describe, expect, it } from 'vitest';

import { resolveParameters } from './connect.ts';
import { addressesOf, shuffled } from './addresses.ts';
import { describeTarget, type Host, hostsOf } from './hosts.ts';

const hosts = (text: Readonly<Record<string, string>>): Host[] => hostsOf(resolveParameters(text));

describe('the hosts of a conninfo', () => {
  it('have a port each, or one for all, or the usual one', () => {
    const list = (port: string): unknown => hosts({ host: 'a,b', port }).map((each) => each.port);
    expect(list('1,2')).toEqual([1, 2]);
    expect(list('1')).toEqual([1, 1]);
    expect(list(',2')).toEqual([5432, 2]);
    expect(list('')).toEqual([5432, 5432]);
  });

  it('are names to be verified, and addresses to go to', () => {
    expect(hosts({ host: 'a,b,', hostaddr: '1.2.3.4,,5.6.7.8' })).toMatchObject([
      { name: 'a', verifiedName: 'a', hostaddr: '1.2.3.4' },
      { name: 'b', verifiedName: 'b', hostaddr: undefined },
      { name: '5.6.7.8', verifiedName: undefined, hostaddr: '5.6.7.8' },
    ]);
  });

  it('are the socket directory when there are none', () => {
    expect(hosts({})[0]?.name).toMatch(/^\/(tmp|var\/run\/postgresql)$/);
    expect(describeTarget(resolveParameters({ user: 'u' }))).toMatch(/^u@\/.*:5432\/u$/);
  });
});

describe('the addresses of a host', () => {
  const find = (host: string, found: readonly string[]): Promise<readonly string[]> =>
    addressesOf({ name: host, verifiedName: host, hostaddr: undefined, port: 1 }, 1_000, {
      lookup: () => Promise.resolve(found.map((address) => ({ address }))),
    });

  it('are all that its name has, each once', async () => {
    expect(await find('db', ['::1', '10.0.0.1', '::1'])).toEqual(['::1', '10.0.0.1']);
    expect(await find('10.0.0.2', ['10.0.0.1'])).toEqual(['10.0.0.2']);
    expect(await find('/tmp', ['10.0.0.1'])).toEqual(['/tmp']);
    await expect(find('db', [])).rejects.toThrow('the name has no address');
  });

  it('come in every order when they are shuffled', () => {
    const orders = new Set(Array.from({ length: 500 }, () => shuffled([1, 2, 3]).join('')));
    expect([...orders].sort()).toEqual(['123', '132', '213', '231', '312', '321']);
  });
});
