import { startFaultProxy, testServers, waitFor, within } from '@copyline/testkit';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

import { readSettings, TargetPools } from '../src/index.ts';

/** Far below the ten seconds for which a pool looks for a server. */
const SOON_MS = 5_000;

it('who gives up on a target that does not answer has not to wait, nor has who stops', async () => {
  const [server] = testServers();
  if (server === undefined) throw new Error('there is no server to stand before');
  const proxy = await startFaultProxy(server);
  await proxy.acceptAndHang();
  const cwd = await mkdtemp(join(tmpdir(), 'copyline-pools-'));
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  await writeFile(join(cwd, 'copyline.yaml'), `connections:\n  away: ${proxy.url(server)}\n`);
  const settings = await readSettings({ env: {}, cwd });
  const pools = new TargetPools(settings, { max: 2, applicationName: 'test' });

  const interruption = new AbortController();
  const connecting = pools.connect('away', interruption.signal);
  const failing = expect(connecting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await waitFor('it to be at the server', () => proxy.connections > 0);
  interruption.abort();
  await within('the caller to be let go', failing, SOON_MS);
  await within('the pools to close', pools.close(), SOON_MS);
});
