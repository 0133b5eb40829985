import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { accountFor } from '../src/account.ts';
import { findPackaged } from '../src/binaries.ts';
import { createCluster } from '../src/cluster.ts';
import { startServer } from '../src/server.ts';
import { TEMPORARY_SETTINGS } from '../src/settings.ts';
import { makeDirectory } from './support.ts';

describe('a server that finds its port taken', () => {
  // The check for a free port looks at 127.0.0.1; on macOS there is no second loopback address.
  it.skipIf(process.platform !== 'linux')('tries another one', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.2', resolve));
    const preferredPort = (squatter.address() as AddressInfo).port;
    const directory = makeDirectory();
    const account = accountFor(directory);
    const binaries = await findPackaged(account);
    const dataDirectory = path.join(directory, 'data');
    const logFile = path.join(directory, 'log');
    const where = { binaries, account, dataDirectory, logFile, logIsKept: false };
    await createCluster({ ...where, database: 'test', durable: false });
    const settings = { ...TEMPORARY_SETTINGS, listen_addresses: '127.0.0.2' };
    try {
      const server = await startServer({ ...where, settings, preferredPort });
      expect(server.port).not.toBe(preferredPort);
      await server.stop();
    } finally {
      squatter.close();
    }
  });
});
