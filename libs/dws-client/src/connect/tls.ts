import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';

import { ConninfoError } from '../conninfo/conninfo-error.ts';
import { type ConnectionParameters, valueOf } from '../conninfo/keywords.ts';
import type { SslMode } from '../conninfo/supported-values.ts';
import { type Host, isSocketDirectory } from './hosts.ts';

/** How to speak to an address: encrypted like this, or not at all. */
export type Transport = tls.ConnectionOptions | undefined;

/** Where most systems keep the authorities that they trust. */
const SYSTEM_AUTHORITIES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/cert.pem'];

/**
 * The transports to try at an address of a host, in turn. The files are read anew each time: certificates are
 * renewed while programs run.
 *
 * Source: PostgreSQL documentation, "SSL Support" of libpq; where it would go on without a file that the
 * conninfo names, this refuses.
 *
 * @throws ConninfoError for a file that is missing, unreadable, or a key that others may read
 */
export function transportsFor(
  parameters: ConnectionParameters,
  host: Host,
  address: string,
): Transport[] {
  const mode = (valueOf(parameters, 'sslmode') ?? 'prefer') as SslMode;
  if (valueOf(parameters, 'sslrootcert') === 'system' && mode !== 'verify-full') {
    throw new ConninfoError(
      `weak sslmode "${mode}" may not be used with sslrootcert=system (use "verify-full")`,
    );
  }
  if (mode === 'disable' || isSocketDirectory(address)) return [undefined];
  const encrypted = encryptedTransport(parameters, host, mode);
  if (mode === 'allow') return [undefined, encrypted];
  return mode === 'prefer' ? [encrypted, undefined] : [encrypted];
}

function encryptedTransport(
  parameters: ConnectionParameters,
  host: Host,
  mode: SslMode,
): tls.ConnectionOptions {
  const name = host.verifiedName;
  const trust = trustOf(parameters, mode);
  const minVersion = valueOf(parameters, 'ssl_min_protocol_version') ?? 'TLSv1.2';
  const maxVersion = valueOf(parameters, 'ssl_max_protocol_version');
  const sendsName = name !== undefined && isIP(name) === 0 && valueOf(parameters, 'sslsni') !== '0';
  return {
    ...clientCertificate(parameters),
    ...(trust ?? { rejectUnauthorized: false }),
    ...(sendsName ? { servername: name } : {}),
    minVersion: minVersion as tls.SecureVersion,
    ...(maxVersion === undefined ? {} : { maxVersion: maxVersion as tls.SecureVersion }),
    checkServerIdentity: (_, certificate) => {
      if (mode !== 'verify-full') return undefined;
      return name === undefined
        ? new Error('host name must be specified for a verified SSL connection')
        : tls.checkServerIdentity(name, certificate);
    },
  };
}

/** Which authorities to believe; `undefined` to believe anybody. An authority at hand is always asked. */
function trustOf(
  parameters: ConnectionParameters,
  mode: SslMode,
): Pick<tls.ConnectionOptions, 'ca' | 'crl'> | undefined {
  const root = valueOf(parameters, 'sslrootcert');
  if (root === 'system') return { ca: systemAuthorities() };
  const ca = readOwn('sslrootcert', root, 'root.crt');
  if (ca === undefined) {
    if (!mode.startsWith('verify')) return undefined;
    throw new ConninfoError(`root certificate file "${inHome('root.crt')}" does not exist`, {
      advice: 'Name one with sslrootcert, or trust those of the system with sslrootcert=system.',
    });
  }
  const crl = readOwn('sslcrl', valueOf(parameters, 'sslcrl'), 'root.crl');
  return { ca, ...(crl === undefined ? {} : { crl }) };
}

/** As OpenSSL: `SSL_CERT_FILE`, else what the system trusts. Node by itself trusts a list of its own. */
function systemAuthorities(): Buffer | string[] {
  const named = process.env['SSL_CERT_FILE'];
  for (const file of named === undefined ? SYSTEM_AUTHORITIES : [named]) {
    const bytes = readIfThere('sslrootcert', file);
    if (bytes !== undefined) return bytes;
  }
  return [...tls.rootCertificates];
}

function clientCertificate(
  parameters: ConnectionParameters,
): Pick<tls.ConnectionOptions, 'cert' | 'key' | 'passphrase'> {
  if (valueOf(parameters, 'sslcertmode') === 'disable') return {};
  const cert = readOwn('sslcert', valueOf(parameters, 'sslcert'), 'postgresql.crt');
  if (cert === undefined) return {};
  const file = valueOf(parameters, 'sslkey') ?? inHome('postgresql.key');
  const key = readIfThere('sslkey', file);
  if (key === undefined) {
    throw new ConninfoError(`certificate present, but not private key file "${file}"`);
  }
  refuseOpenKey(file);
  const passphrase = parameters.sslpassword?.reveal();
  return { cert, key, ...(passphrase === undefined ? {} : { passphrase }) };
}

/** A key of root's may be read by a group, so that a service can use one that it does not own. */
function refuseOpenKey(file: string): void {
  if (process.platform === 'win32') return;
  const { mode, uid } = statSync(file);
  if ((mode & (uid === 0 ? 0o037 : 0o077)) === 0) return;
  throw new ConninfoError(`private key file "${file}" has group or world access`, {
    advice: 'Give it permissions u=rw (0600), or u=rw,g=r (0640) when root owns it.',
  });
}

/** The file that the conninfo names, which must be there, or the one in `~/.postgresql`, which may. */
function readOwn(keyword: string, named: string | undefined, usual: string): Buffer | undefined {
  const bytes = readIfThere(keyword, named ?? inHome(usual));
  if (bytes !== undefined || named === undefined) return bytes;
  throw new ConninfoError(`the ${keyword} file "${named}" does not exist`);
}

function inHome(name: string): string {
  return join(homedir(), '.postgresql', name);
}

function readIfThere(keyword: string, file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw new ConninfoError(`the ${keyword} file "${file}" cannot be read`, { cause });
  }
}
