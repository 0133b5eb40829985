import { CopylineError } from '@copyline/contracts';

import type { Server } from './flavour/capabilities.ts';
import { settlesWithin } from './in-time.ts';
import type { Session } from './session.ts';

/**
 * How the leftovers of one user of a pooled connection are kept from the next:
 *
 * - `discard-all`: settings, temporary tables, advisory locks, prepared statements, cursors and
 *   LISTEN. For PostgreSQL.
 * - `reset-all`: settings and the role alone, as the vendor advises for GaussDB(DWS), which has no
 *   `DISCARD ALL` in every version. Temporary tables stay until the connection is closed.
 * - `none`: nothing is sent. For a pooler in transaction mode, where the session is not ours: there
 *   only SET LOCAL and temporary tables ON COMMIT DROP are safe.
 */
export type SessionReset = 'discard-all' | 'reset-all' | 'none';

/** The most thorough that a server has. */
export function defaultReset({ can }: Server): SessionReset {
  return can.discardAll ? 'discard-all' : 'reset-all';
}

const STATEMENTS: Readonly<Record<SessionReset, string | undefined>> = {
  'discard-all': 'DISCARD ALL',
  // Source: GaussDB(DWS) documentation, what psycopg2's reset() is replaced by.
  'reset-all': 'SET SESSION AUTHORIZATION DEFAULT; RESET ALL',
  none: undefined,
};

/** A session that needs longer to become clean is worth less than a new one. */
const RESET_TIMEOUT_MS = 2_000;

/**
 * Rolls back what is open and resets the session.
 *
 * @throws when it could not be done in time, or at all: the connection must be destroyed
 */
export async function resetSession(
  session: Session,
  reset: SessionReset,
  onRollback: () => void,
): Promise<void> {
  const resetting = (async () => {
    if (session.lastWord !== 'idle') {
      onRollback();
      await session.run({ text: 'ROLLBACK' });
    }
    const text = STATEMENTS[reset];
    if (text !== undefined) await session.run({ text });
  })();
  if (await settlesWithin(resetting, RESET_TIMEOUT_MS)) return await resetting;
  throw new CopylineError('CONNECTION_UNUSABLE', 'The session could not be reset in time');
}
