import { CopylineError } from '@copyline/contracts';
import { Secret } from '@copyline/dws-client';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import type { FileOutcome } from './config-file.ts';
import {
  given,
  parseToken,
  readEnvironment,
  type Environment,
  type EnvironmentSettings,
} from './environment.ts';
import { configSchema, DEFAULT_PORT, type FileConfig } from './file-schema.ts';
import { parseQueueAddress, type QueueAddress } from './queue-address.ts';
import type { YamlFile } from './yaml-file.ts';

/** Everything that is configured, from the environment and the configuration file, with defaults. */
export interface Settings {
  /** The configuration file; undefined when there is none. */
  readonly file: string | undefined;
  /** Directory of the embedded database. */
  readonly home: string;
  /** Conninfos by name. */
  readonly connections: Readonly<Record<string, Secret>>;
  /** Names of connections whose password stands in the file in clear. */
  readonly plainPasswords: readonly string[];
  readonly ledgerSchema: string;
  /** Absolute folders by the name of the root. */
  readonly sources: Readonly<Record<string, string>>;
  /** The same of those that extracts may write to. */
  readonly sinks: Readonly<Record<string, string>>;
  /** Nobody has chosen the roots: there are only inbox and outbox of the working directory. */
  readonly hasDefaultRoots: boolean;
  /** The control database, a name or a conninfo; see `controlTarget`. */
  readonly control: Secret;
  readonly hasPlainControlPassword: boolean;
  readonly queue: QueueAddress;
  readonly scheduler: Readonly<FileConfig['scheduler']>;
  readonly worker: Readonly<FileConfig['worker']>;
  /** Where the scheduler answers, without a slash at the end. */
  readonly server: string;
  /** The access token, if the environment gives it; see `readToken`. */
  readonly token: Secret | undefined;
  readonly tokenFile: string;
}

export interface SettingsOrigin {
  /** `--config`; that file must exist. */
  readonly path?: string | undefined;
  readonly env: Environment;
  /** What relative paths mean. Default: the working directory of the process. */
  readonly cwd?: string;
}

/** The roots of the quick start, when nothing is configured. */
const DEFAULT_SOURCES = { inbox: 'inbox' };
const DEFAULT_SINKS = { outbox: 'outbox' };
const DEFAULT_FILE = 'copyline.yaml';

/**
 * Reads the environment and the configuration file, once.
 *
 * @throws CopylineError `CONFIG_INVALID`, naming every fault of both; those of the file with lines
 */
export async function readSettings(origin: SettingsOrigin): Promise<Settings> {
  const { path, env, cwd = process.cwd() } = origin;
  const chosen = path ?? given(env, 'COPYLINE_CONFIG');
  const file = resolve(cwd, chosen ?? DEFAULT_FILE);
  const home = resolve(cwd, given(env, 'COPYLINE_HOME') ?? '.copyline');
  const hasFile = chosen !== undefined || existsSync(file);

  const envFaults: string[] = [];
  const fromEnv = readEnvironment(env, cwd, (fault) => envFaults.push(fault));
  const fromFile = hasFile ? await readFileLazily(file, env) : nothingConfigured();
  const fileFaults = 'faults' in fromFile ? fromFile.faults : [];
  if ('faults' in fromFile || envFaults.length > 0) {
    const about = { [file]: fileFaults, 'the environment': envFaults };
    throw invalidSettings(about);
  }

  const config = withOverrides(fromFile.config, fromEnv);
  const sources = config.sources ?? (hasFile ? {} : DEFAULT_SOURCES);
  const sinks = config.sinks ?? (hasFile ? {} : DEFAULT_SINKS);
  const folder = hasFile ? dirname(file) : cwd;
  const queue = parseQueueAddress(config.queue);
  if (typeof queue === 'string') throw invalidSettings({ 'the queue': [queue] });
  return {
    file: hasFile ? file : undefined,
    home,
    connections: mapValues(config.connections, (conninfo) => new Secret(conninfo)),
    plainPasswords: fromFile.plainPasswords,
    ledgerSchema: config.ledgerSchema,
    sources: mapValues(sources, (path) => resolve(folder, path)),
    sinks: mapValues(sinks, (path) => resolve(folder, path)),
    hasDefaultRoots: !hasFile,
    control: new Secret(config.control),
    hasPlainControlPassword:
      fromFile.hasPlainControlPassword && fromEnv.overrides.top['control'] === undefined,
    queue,
    scheduler: config.scheduler,
    worker: config.worker,
    // Any free port cannot be known from here.
    server:
      fromEnv.server ??
      addressOf({ ...config.scheduler, port: config.scheduler.port || DEFAULT_PORT }),
    token: fromEnv.token === undefined ? undefined : new Secret(fromEnv.token),
    tokenFile:
      fromEnv.tokenFile === undefined ? join(home, 'token') : resolve(cwd, fromEnv.tokenFile),
  };
}

/**
 * The access token: from the environment, else from the token file. Undefined when there is no such
 * file yet.
 *
 * @throws CopylineError `CONFIG_INVALID` when the file cannot be read or holds something else
 */
export async function readToken(settings: Settings): Promise<Secret | undefined> {
  const { token, tokenFile } = settings;
  if (token !== undefined) return token;
  let text: string;
  try {
    text = await readFile(tokenFile, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CopylineError('CONFIG_INVALID', `The token file ${tokenFile} cannot be read`, {
      cause,
    });
  }
  const read = parseToken(text.trim());
  if (read === undefined) {
    throw new CopylineError('CONFIG_INVALID', `The token file ${tokenFile} does not hold a token`);
  }
  return new Secret(read);
}

/**
 * Reads a YAML or JSON file without judging its content. The reader of YAML takes longer to load
 * than all the rest, so only who has such a file pays for it.
 */
export async function readYamlFile(file: string): Promise<YamlFile> {
  const { parseYamlFile } = await import('./yaml-file.ts');
  return parseYamlFile(file);
}

/** Lazily, for the same reason. */
async function readFileLazily(file: string, env: Environment): Promise<FileOutcome> {
  const { readConfigFile } = await import('./config-file.ts');
  return readConfigFile(file, env);
}

function nothingConfigured(): FileOutcome {
  return { config: configSchema.parse({}), plainPasswords: [], hasPlainControlPassword: false };
}

function withOverrides(config: FileConfig, { overrides }: EnvironmentSettings): FileConfig {
  return configSchema.parse({
    ...config,
    ...overrides.top,
    scheduler: { ...config.scheduler, ...overrides.scheduler },
    worker: { ...config.worker, ...overrides.worker },
  });
}

/** Where to reach what listens on a host and a port, from its own machine. */
export function addressOf({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const name = reachable.includes(':') ? `[${reachable}]` : reachable;
  return `http://${name}:${String(port)}`;
}

function invalidSettings(about: Readonly<Record<string, readonly string[]>>): CopylineError {
  const text = Object.entries(about)
    .filter(([, faults]) => faults.length > 0)
    .map(([what, faults]) => `${what} is not valid: ${faults.join('; ')}`)
    .join('; ');
  return new CopylineError('CONFIG_INVALID', text.replace(/^t/, 'T'));
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  convert: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, convert(value)]));
}
