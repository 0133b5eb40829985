import { Secret } from '@copyline/dws-client';

/** The word that stands for the queue in the control database. */
export const POSTGRES_QUEUE = 'postgres';

/** Where the queue is. */
export type QueueAddress =
  | { readonly backend: 'postgres'; readonly description: string }
  | {
      readonly backend: 'redis';
      /** May hold a password. */
      readonly url: Secret;
      /** For people: never user, password or parameters. */
      readonly description: string;
    };

/** @returns the address, or what is wrong with the text, without repeating it */
export function parseQueueAddress(text: string): QueueAddress | string {
  if (text === POSTGRES_QUEUE) return { backend: 'postgres', description: 'the control database' };
  const expected = 'is postgres, or redis://host:6379/0 or rediss://…';
  if (!/^rediss?:\/\//.test(text)) return expected;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return `${expected}; special characters of a password are percent-encoded`;
  }
  if (url.hostname === '' || url.hash !== '' || !/^\/?\d*$/.test(url.pathname)) return expected;
  return {
    backend: 'redis',
    url: new Secret(text),
    description: `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`,
  };
}
