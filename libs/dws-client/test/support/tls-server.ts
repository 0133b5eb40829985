// eslint-disable-next-line @nx/enforce-module-boundaries -- the kit's servers have no TLS, and its proxy could not read it
import { type EmbeddedDatabase, startTemporary } from '@copyline/embedded';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export interface TlsServer extends AsyncDisposable {
  readonly server: EmbeddedDatabase;
  /** The authority that signed the server's certificate, for 127.0.0.1 alone. */
  readonly authority: string;
  /** An authority that did not. */
  readonly stranger: string;
  /** Where the server has its socket. */
  readonly socketDirectory: string;
  /** A certificate and its key for the role `by_cert`, the key once more behind a pass-phrase. */
  readonly client: { readonly cert: string; readonly key: string; readonly lockedKey: string };
  readonly passphrase: string;
  /** What the authority has revoked: nothing, or the server's certificate. */
  readonly revoked: { readonly nothing: string; readonly server: string };
  /** Serves the certificate that has run out, or the good one again. */
  serve(which: 'expired' | 'server'): Promise<void>;
  /** Sets a parameter of the server until the end; `undefined` takes it back. */
  set(parameter: string, value: string | undefined): Promise<void>;
}

/** Who comes in how, beside the superuser. All without a password. */
const RULES = `
hostnossl all tls_only   all reject
hostssl   all tls_only   all trust
hostssl   all plain_only all reject
hostnossl all plain_only all trust
hostssl   all by_cert    all cert
hostnossl all by_cert    all reject
local     all all            trust
`;

/** What `openssl ca` must know to revoke. */
const AUTHORITY_SETTINGS = `
[ca]
default_ca = own
[own]
database = INDEX
default_md = sha256
default_crl_days = 2
`;

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
  signCertificate(file('expired'), file('ca'), { days: -1 });
  signCertificate(file('client'), file('ca'), { name: 'by_cert' });
  writeFileSync(file('ca.conf'), AUTHORITY_SETTINGS.replace('INDEX', file('index')));
  writeFileSync(file('index'), '');
  const ca = [
    'ca',
    '-config',
    file('ca.conf'),
    '-keyfile',
    file('ca.key'),
    '-cert',
    file('ca.crt'),
  ];
  openssl(...ca, '-gencrl', '-out', file('nothing.crl'));
  openssl(...ca, '-revoke', file('server.crt'));
  openssl(...ca, '-gencrl', '-out', file('server.crl'));
  const passphrase = 'a pass-phrase';
  const locked = ['-aes256', '-passout', `pass:${passphrase}`];
  openssl('ec', '-in', file('client.key'), '-out', file('locked.key'), ...locked);
  chmodSync(file('locked.key'), 0o600);

  chmodSync(directory, 0o777); // the server has an account of its own, and its socket goes here
  const server = await startTemporary({ settings: { unix_socket_directories: directory } });
  const install = (from: string, to: string): void => {
    const { uid, gid } = statSync(server.dataDirectory);
    const target = join(server.dataDirectory, to);
    copyFileSync(file(from), target); // a key keeps its mode 0600
    chownSync(target, uid, gid);
  };
  const serve = async (which: string): Promise<void> => {
    install(`${which}.crt`, 'server.crt');
    install(`${which}.key`, 'server.key');
    await run(server, 'select pg_reload_conf()');
  };
  install('ca.crt', 'ca.crt');
  const rules = join(server.dataDirectory, 'pg_hba.conf');
  writeFileSync(rules, `${RULES}${readFileSync(rules, 'utf8')}`);
  await run(server, 'create role tls_only login; create role plain_only login');
  await run(server, 'create role by_cert login');
  await run(server, "alter system set ssl_ca_file = 'ca.crt'");
  // `ssl` may be turned on in a running server: its files are in place only now.
  await run(server, 'alter system set ssl = on');
  await serve('server');
  return {
    server,
    authority: file('ca.crt'),
    stranger: file('stranger.crt'),
    socketDirectory: directory,
    client: { cert: file('client.crt'), key: file('client.key'), lockedKey: file('locked.key') },
    passphrase,
    revoked: { nothing: file('nothing.crl'), server: file('server.crl') },
    serve,
    async set(parameter, value) {
      const change = value === undefined ? `reset ${parameter}` : `set ${parameter} = '${value}'`;
      await run(server, `alter system ${change}`);
      await run(server, 'select pg_reload_conf()');
    },
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

function signCertificate(
  path: string,
  authority: string,
  { days = 2, name = 'test server' } = {},
): void {
  const files = ['-keyout', `${path}.key`, '-out', `${path}.csr`];
  openssl('req', '-new', ...NEW_KEY, ...files, '-subj', `/CN=${name}`);
  writeFileSync(`${path}.ext`, 'subjectAltName = IP:127.0.0.1');
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  const output = ['-in', `${path}.csr`, '-extfile', `${path}.ext`, '-out', `${path}.crt`];
  openssl('x509', '-req', ...signer, ...output, '-days', String(days));
}

async function run(server: EmbeddedDatabase, sql: string): Promise<void> {
  const { host, port, user, password, database } = server;
  const client = new pg.Client({ host, port, user, password, database });
  await client.connect();
  await client.query(sql);
  await client.end();
}
