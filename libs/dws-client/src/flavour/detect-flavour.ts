/** The kinds of servers that speak PostgreSQL's protocol and are told apart here. */
export type Flavour = 'postgres' | 'gaussdb-dws' | 'opengauss' | 'gaussdb';

/** What kind of server it is, and which version of it. */
export interface ServerKind {
  readonly flavour: Flavour;
  /** As the product counts: `18.1`, `8.2.1` of GaussDB(DWS), `505.2.1.SPC0800` of GaussDB. */
  readonly version: string;
}

/**
 * How `version()` names the products. All but the last also say "PostgreSQL 9.2.4" before it, so the order
 * matters. Sources: GaussDB(DWS) documentation; openGauss-server; GaussDB's documentation.
 */
const PRODUCTS: readonly (readonly [RegExp, Flavour])[] = [
  [/GaussDB Kernel (\S+)/, 'gaussdb'],
  [/openGauss(?:-lite)? (\d[^\s)]*)/, 'opengauss'],
  [/\(GaussDB (?:A )?(\d+\.\d+\.\d+)/, 'gaussdb-dws'],
  [/^PostgreSQL (\d+(?:\.\d+)*)/, 'postgres'],
];

/** Reported when a session starts by servers that are made of GaussDB only. */
const GAUSS_PARAMETERS = ['connection_info', 'behavior_compat_options', 'application_type'];

/** No GaussDB calls itself newer than 9.2.4. */
const OLDEST_UNMISTAKABLE = 10;

/** What `version()` says. A product that is not known is taken for the PostgreSQL that it claims to be. */
export function detectFlavour(versionText: string): ServerKind {
  for (const [pattern, flavour] of PRODUCTS) {
    const version = pattern.exec(versionText)?.[1];
    if (version !== undefined) return { flavour, version };
  }
  return { flavour: 'postgres', version: versionText.split(' ')[1] ?? '' };
}

/**
 * What the parameters say that a server reports when a session starts.
 *
 * @returns `undefined` when only `version()` can tell
 */
export function flavourOfParameters(
  parameters: ReadonlyMap<string, string>,
): ServerKind | undefined {
  const version = parameters.get('server_version') ?? '';
  if (GAUSS_PARAMETERS.some((name) => parameters.has(name))) return undefined;
  if (!(Number.parseInt(version, 10) >= OLDEST_UNMISTAKABLE)) return undefined;
  return { flavour: 'postgres', version: version.split(' ')[0] ?? '' };
}
