import { dwsFace, startDwsFace, useTestDatabase } from '@copyline/testkit';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { connected, expectHealthy } from './support/connected.ts';
import { hasOpenssl } from './support/tls-server.ts';

describe.skipIf(!hasOpenssl())('a GaussDB(DWS) behind TLS', () => {
  const db = useTestDatabase(dwsFace());

  it.each([
    ['127.0.0.1', undefined],
    ['127.0.0.2', 'CONNECT_FAILED'],
  ])('whose certificate is for %s: verify-full says %s', async (address, code) => {
    const certificate = selfSigned(address);
    const { key, cert } = certificate;
    const face = await startDwsFace(db.server.behind, { certificate: { key, cert } });
    const url = new URL(face.url(db));
    url.searchParams.set('sslmode', 'verify-full');
    url.searchParams.set('sslrootcert', certificate.path);
    const connecting = connected(url.href);
    if (code !== undefined) {
      await expect(connecting).rejects.toMatchObject({ code });
      return;
    }
    // Twice dialled, first with 3.0 and then with 3.51, and both times behind TLS.
    const connection = await connecting;
    expect(connection.server.flavour).toBe('gaussdb-dws');
    await expectHealthy(connection);
    const out = connection.copyOut('copy (select generate_series(1, 100000)) to stdout');
    let bytes = 0;
    for await (const piece of out) bytes += piece.length;
    expect(bytes).toBe(588_895);
    const sleeping = expect(connection.query('select pg_sleep(60)')).rejects.toMatchObject({
      code: 'STATEMENT_CANCELLED',
    });
    await connection.cancel();
    await sleeping;
    await expectHealthy(connection);
  });
});

function selfSigned(address: string): { key: string; cert: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'copyline-face-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [key, path] = [join(folder, 'face.key'), join(folder, 'face.crt')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const subject = ['-subj', '/CN=face', '-addext', `subjectAltName = IP:${address}`];
  const files = ['-keyout', key, '-out', path, '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...subject], { stdio: 'pipe' });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(path, 'utf8'), path };
}
