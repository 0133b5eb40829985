import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import type { FileConfig } from './config-file.ts';

/** The settings of one run of the command, from the environment and the configuration file. */
export interface CliConfig extends FileConfig {
  /** Directory of the embedded database. */
  readonly home: string;
  /** Names of connections whose password stands in the file in clear. */
  readonly plainPasswords: readonly string[];
}

/** Environment variables that the command reads; `PG…` variables are read by the driver. */
export const ENVIRONMENT = {
  COPYLINE_HOME: 'Directory of the embedded database. Default: .copyline in the working directory.',
  COPYLINE_CONFIG: 'Configuration file. Default: copyline.yaml in the working directory.',
  NO_COLOR: 'When set, no colours are printed.',
} as const;

/**
 * Reads the environment and the configuration file, once.
 *
 * @param path `--config`; that file must exist
 * @throws CopylineError `CONFIG_INVALID`, naming every fault with its line
 */
export async function readConfig(
  path: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<CliConfig> {
  const chosen = path ?? env['COPYLINE_CONFIG'];
  const file = resolve(chosen ?? 'copyline.yaml');
  const home = resolve(env['COPYLINE_HOME'] ?? '.copyline');
  if (chosen === undefined && !existsSync(file)) {
    return { connections: {}, home, plainPasswords: [] };
  }
  // Reading YAML takes longer to load than all the rest; most runs have no file.
  const { invalidConfig, parseConfigFile } = await import('./config-file.ts');
  const config = parseConfigFile(file);
  const faults: string[] = [];
  const connections = Object.fromEntries(
    Object.entries(config.connections).map(([name, conninfo]) => [
      name,
      expandEnvironment(conninfo, env, (variable) =>
        faults.push(`connections.${name}: the environment variable ${variable} is not set`),
      ),
    ]),
  );
  if (faults.length > 0) throw invalidConfig(file, faults);
  const plainPasswords = Object.entries(config.connections)
    .filter(([, conninfo]) =>
      /password\s*=\s*(?!\$\{env:)\S|:\/\/[^/@:]*:(?!\$\{env:)[^/@]+@/.test(conninfo),
    )
    .map(([name]) => name);
  return { ...config, connections, home, plainPasswords };
}

function expandEnvironment(
  text: string,
  env: NodeJS.ProcessEnv,
  onMissing: (variable: string) => void,
): string {
  return text.replace(/\$\{env:([A-Za-z_]\w*)\}/g, (_, variable: string) => {
    const value = env[variable];
    if (value === undefined) onMissing(variable);
    return value ?? '';
  });
}
