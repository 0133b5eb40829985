import { readToken, type Settings } from '@copyline/config';
import { relative } from 'node:path';

import { ServiceClient } from './service-client.ts';

/**
 * The scheduler that the settings mean.
 *
 * @throws CopylineError `CONFIG_INVALID` when the token file cannot be read
 */
export async function openService(settings: Settings): Promise<ServiceClient> {
  const token = await readToken(settings);
  const tokenOrigin =
    settings.token === undefined ? nearPath(settings.tokenFile) : 'the variable COPYLINE_TOKEN';
  return new ServiceClient({ server: settings.server, token, tokenOrigin });
}

/** A path as a person in this directory would write it. */
export function nearPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') ? path : near;
}
