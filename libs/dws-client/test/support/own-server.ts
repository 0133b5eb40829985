// eslint-disable-next-line @nx/enforce-module-boundaries -- a server that may be killed cannot be the kit's shared one
import { type EmbeddedDatabase, startTemporary } from '@copyline/embedded';
import type { TestServer } from '@copyline/testkit';
import { onTestFinished } from 'vitest';

/** A server of the test's own, of the same version as a shared one: it may be crashed. */
export async function startOwnServer({ major }: TestServer): Promise<EmbeddedDatabase> {
  const bin = `/usr/lib/postgresql/${major}/bin`;
  const server = await startTemporary(major === 18 ? {} : { binDirectory: bin });
  onTestFinished(() => server.close());
  return server;
}

export function conninfoOfServer(
  server: EmbeddedDatabase,
  through: { readonly host: string; readonly port: number } = server,
): string {
  const { user, password, database } = server;
  return (
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}` +
    `@${through.host}:${through.port}/${database}?sslmode=disable`
  );
}
