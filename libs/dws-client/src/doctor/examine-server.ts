import { CopylineError } from '@copyline/contracts';

import type { Connection } from '../connection.ts';
import type { Capability, Server } from '../flavour/capabilities.ts';
import { CAPABILITY_PROBES, type CapabilityProbe } from './capability-probes.ts';
import { PROMISE_PROBES } from './promise-probes.ts';

/** What one probe has found. */
export interface Finding {
  readonly check: string;
  /** `differs`: the server can do more, or less, than the table of capabilities says. */
  readonly status: 'ok' | 'differs' | 'failed';
  /** One line. */
  readonly found: string;
}

/** What a server is, and what the probes have found. */
export interface Examination {
  readonly server: Server;
  readonly findings: readonly Finding[];
}

/**
 * Tries on a server what the driver promises, and what the table of capabilities says of it. Uses
 * temporary tables and transactions that are rolled back: nothing of it stays.
 *
 * @param connect opens a connection; once, and again when a probe has cost one
 * @throws CopylineError as `connect` does
 */
export async function examineServer(connect: () => Promise<Connection>): Promise<Examination> {
  let connection = await connect();
  const { server } = connection;
  const findings: Finding[] = [];
  const examine = async (probe: (on: Connection) => Promise<Finding>): Promise<void> => {
    if (!connection.isUsable) connection = await connect();
    findings.push(await probe(connection));
    // A probe that left a transaction open must not spoil the next one.
    if (!connection.isProvenIdle) await connection.close();
  };
  try {
    for (const { check, attempt } of PROMISE_PROBES) {
      await examine(async (on) => {
        try {
          return { check, status: 'ok', found: await attempt(on) };
        } catch (error) {
          return { check, status: 'failed', found: reasonOf(error) };
        }
      });
    }
    for (const [name, probe] of Object.entries(CAPABILITY_PROBES)) {
      await examine((on) => compare(probe, server.can[name as Capability], on));
    }
  } finally {
    await connection.close();
  }
  return { server, findings };
}

async function compare(
  { what, attempt }: CapabilityProbe,
  isExpected: boolean,
  connection: Connection,
): Promise<Finding> {
  let refusal: string | undefined;
  try {
    await attempt(connection);
  } catch (error) {
    refusal = reasonOf(error);
  }
  const found = refusal === undefined ? 'yes' : `no: ${refusal}`;
  const isAsExpected = (refusal === undefined) === isExpected;
  return { check: what, status: isAsExpected ? 'ok' : 'differs', found };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const sqlstate = error instanceof CopylineError ? error.sqlstate : undefined;
  return sqlstate === undefined ? error.message : `${error.message} (${sqlstate})`;
}
