import { CopylineError } from '@copyline/contracts';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';

/** What stands in copyline.yaml. `docs/configuration.md` is generated from it. */
export const configSchema = z.strictObject({
  connections: z
    .record(z.string(), z.string())
    .default({})
    .describe('Databases by name, each a conninfo; `${env:NAME}` is replaced.'),
  ledgerSchema: z
    .string()
    .min(1)
    .optional()
    .describe('Schema of the ledger in every target. Default: `copyline`.'),
});
export type FileConfig = z.infer<typeof configSchema>;

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
export function readConfig(path: string | undefined, env: NodeJS.ProcessEnv): CliConfig {
  const chosen = path ?? env['COPYLINE_CONFIG'];
  const file = resolve(chosen ?? 'copyline.yaml');
  const home = resolve(env['COPYLINE_HOME'] ?? '.copyline');
  if (chosen === undefined && !existsSync(file)) {
    return { ...configSchema.parse({}), home, plainPasswords: [] };
  }
  const config = parseFile(file);
  const faults: string[] = [];
  const connections = Object.fromEntries(
    Object.entries(config.connections).map(([name, conninfo]) => [
      name,
      expandEnvironment(conninfo, env, (variable) =>
        faults.push(`connections.${name}: the environment variable ${variable} is not set`),
      ),
    ]),
  );
  if (faults.length > 0) throw invalid(file, faults);
  const plainPasswords = Object.entries(config.connections)
    .filter(([, conninfo]) =>
      /password\s*=\s*(?!\$\{env:)\S|:\/\/[^/@:]*:(?!\$\{env:)[^/@]+@/.test(conninfo),
    )
    .map(([name]) => name);
  return { ...config, connections, home, plainPasswords };
}

function parseFile(file: string): FileConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CopylineError('CONFIG_INVALID', `The configuration file ${file} cannot be read`, {
      cause,
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, maxAliasCount: 0 } as object);
  if (document.errors.length > 0) {
    throw invalid(
      file,
      document.errors.map((error) => error.message.split('\n')[0] ?? error.code),
    );
  }
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(
    file,
    parsed.error.issues.map((issue) => {
      const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
      return `line ${String(lineOf(document, issue.path, lines))}: ${where}${issue.message}`;
    }),
  );
}

function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
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

function invalid(file: string, faults: readonly string[]): CopylineError {
  return new CopylineError('CONFIG_INVALID', `${file} is not valid: ${faults.join('; ')}`);
}
