import { Secret } from '@copyline/dws-client';
import { anyPostgres, useTestDatabase } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { Access } from '../../src/index.ts';
import { openControl } from '../support/control.ts';

describe.each(anyPostgres())('access on $name', (server) => {
  const db = useTestDatabase(server);

  async function open(): Promise<Access> {
    return new Access((await openControl(db, { max: 10 })).database);
  }

  it('makes one first token, also when ten services start at the same time', async () => {
    const access = await open();
    const tokens: Secret[] = [];
    const made = await Promise.all(
      Array.from({ length: 10 }, () =>
        access.createFirstToken((token) => {
          tokens.push(token);
          return Promise.resolve();
        }),
      ),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(tokens).toHaveLength(1);
    expect(tokens[0]?.reveal()).toMatch(/^cpl_[\w-]{43}$/);
    expect(await access.isToken(tokens[0]?.reveal() ?? '')).toBe(true);
    expect(await firstToken(access)).toBeUndefined();
  });

  it('has no token that nobody could be told of', async () => {
    const access = await open();
    const full = (): never => {
      throw new Error('ENOSPC');
    };
    await expect(access.createFirstToken(full)).rejects.toThrow('ENOSPC');
    expect(await db.sql('SELECT * FROM access_token')).toEqual([]);
    expect(await firstToken(access)).toBeDefined();
  });

  it('lets in with the token and nothing like it', async () => {
    const access = await open();
    expect(await access.isToken('')).toBe(false);
    const token = (await firstToken(access)) ?? '';
    for (const wrong of [
      '',
      ' ',
      `${token} `,
      token.slice(0, -1),
      token.toUpperCase(),
      'first',
      '%',
    ]) {
      expect(await access.isToken(wrong)).toBe(false);
      expect(await access.openSession(wrong)).toBeUndefined();
    }
  });

  it('stores neither token nor session, only what cannot be turned back', async () => {
    const access = await open();
    const token = (await firstToken(access)) ?? '';
    const session = await access.openSession(token);
    const stored = JSON.stringify([
      await db.sql('SELECT * FROM access_token'),
      await db.sql('SELECT * FROM access_session'),
    ]);
    expect(stored).toMatch(/"digest":"[\da-f]{64}"/);
    expect(stored).not.toContain(token.slice(4));
    expect(stored).not.toContain(session?.secret.reveal());
    expect(String(session?.secret)).not.toContain(session?.secret.reveal());
  });

  it('keeps a session until its time, and not after a sign-out', async () => {
    const access = await open();
    const token = (await firstToken(access)) ?? '';
    const [first, second] = [await access.openSession(token), await access.openSession(token)];
    const secrets = [first, second].map((session) => session?.secret.reveal() ?? '');
    const [one = '', two = ''] = secrets;
    expect(first?.hours).toBe(12);
    expect(one).not.toBe(two);
    expect(await access.isSession(one)).toBe(true);
    // A session is not a token, nor the other way round.
    expect(await access.isToken(one)).toBe(false);
    expect(await access.isSession(token)).toBe(false);

    await access.closeSession(one);
    expect(await access.isSession(one)).toBe(false);
    expect(await access.isSession(two)).toBe(true);
    await db.sql(`UPDATE access_session SET expires_at = now() - interval '1 ms'`);
    expect(await access.isSession(two)).toBe(false);
    // The next one to sign in sweeps.
    await access.openSession(token);
    expect(await db.sql('SELECT * FROM access_session')).toHaveLength(1);
  });

  it('gives a name a new token; the old one and its sessions end', async () => {
    const access = await open();
    const old = (await firstToken(access)) ?? '';
    const session = (await access.openSession(old))?.secret.reveal() ?? '';
    await access.setToken(new Secret('chosen by the operator'));
    expect(await access.isToken(old)).toBe(false);
    expect(await access.isSession(session)).toBe(false);
    expect(await access.isToken('chosen by the operator')).toBe(true);
    // Said again at every start.
    const kept = (await access.openSession('chosen by the operator'))?.secret.reveal() ?? '';
    await access.setToken(new Secret('chosen by the operator'));
    expect(await access.isSession(kept)).toBe(true);
    await access.setToken(new Secret('another'));
    expect(await access.isToken('chosen by the operator')).toBe(false);
    expect(await access.isSession(kept)).toBe(false);
    expect(await access.isToken('another')).toBe(true);
    expect(await firstToken(access)).toBeUndefined();
  });
});

async function firstToken(access: Access): Promise<string | undefined> {
  let told: string | undefined;
  await access.createFirstToken((token) => {
    told = token.reveal();
    return Promise.resolve();
  });
  return told;
}
