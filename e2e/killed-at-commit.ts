import { startFaultProxy, type RunningProcess, type TestDatabase } from '@copyline/testkit';

export const COMMIT = /^COMMIT$/;
/** The transaction that holds the rows; the claim's own one is a plain BEGIN. */
export const LOAD_BEGIN = /^BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE$/;

/**
 * Starts a loader and kills it while its COMMIT is under way: `before` the server has it, so that its
 * transaction ends with it, or `after` the server has done it, and before the loader knows.
 */
export async function killAtCommit(
  db: TestDatabase,
  when: 'before' | 'after',
  start: (url: string) => RunningProcess,
): Promise<void> {
  const proxy = await startFaultProxy(db.server);
  const claimed = proxy.parkQuery(LOAD_BEGIN);
  const loader = start(proxy.url(db));
  await claimed.reached;
  const commit = when === 'before' ? proxy.parkQuery(COMMIT) : proxy.parkReply(COMMIT);
  claimed.release();
  await commit.reached;
  loader.kill('SIGKILL');
  await loader.exit;
  proxy.reset();
}
