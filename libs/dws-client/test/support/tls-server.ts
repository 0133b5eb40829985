// eslint-disable-next-line @nx/enforce-module-boundaries -- the kit's servers have no TLS, and its proxy could not read it
import { type EmbeddedDatabase, startTemporary } from '@copyline/embedded';
import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export interface TlsServer extends AsyncDisposable {
  readonly server: EmbeddedDatabase;
  /** The authority that signed the server's certificate, for 127.0.0.1 alone. */
  readonly authority: string;
  /** An authority that did not. */
  readonly stranger: string;
}

/** Needs nothing but PATH, and nobody's configuration. */
function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

export function hasOpenssl(): boolean {
  try {
    openssl('version');
    return true;
  } catch {
    return false;
  }
}

/** A server with a certificate for 127.0.0.1, signed by an authority made for it. */
export async function startTlsServer(): Promise<TlsServer> {
  const directory = mkdtempSync(join(tmpdir(), 'copyline-tls-'));
  const file = (name: string): string => join(directory, name);
  makeAuthority(file('ca'));
  makeAuthority(file('stranger'));
  signCertificate(file('server'), file('ca'));

  const server = await startTemporary();
  const owner = statSync(server.dataDirectory);
  for (const name of ['server.crt', 'server.key']) {
    const target = join(server.dataDirectory, name);
    copyFileSync(file(name), target); // the key keeps its mode 0600
    chownSync(target, owner.uid, owner.gid);
  }
  await turnOn(server);
  return {
    server,
    authority: file('ca.crt'),
    stranger: file('stranger.crt'),
    async [Symbol.asyncDispose]() {
      await server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function makeAuthority(path: string): void {
  const files = ['-keyout', `${path}.key`, '-out', `${path}.crt`];
  openssl('req', '-x509', ...NEW_KEY, ...files, '-days', '2', '-subj', '/CN=test authority');
}

function signCertificate(path: string, authority: string): void {
  const files = ['-keyout', `${path}.key`, '-out', `${path}.csr`];
  openssl('req', '-new', ...NEW_KEY, ...files, '-subj', '/CN=test server');
  writeFileSync(`${path}.ext`, 'subjectAltName = IP:127.0.0.1');
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  const output = ['-in', `${path}.csr`, '-extfile', `${path}.ext`, '-out', `${path}.crt`];
  openssl('x509', '-req', ...signer, ...output, '-days', '2');
}

/** `ssl` may be turned on in a running server: its files are in place only now. */
async function turnOn(server: EmbeddedDatabase): Promise<void> {
  const { host, port, user, password, database } = server;
  const client = new pg.Client({ host, port, user, password, database });
  await client.connect();
  await client.query('alter system set ssl = on');
  await client.query('select pg_reload_conf()');
  await client.end();
}
