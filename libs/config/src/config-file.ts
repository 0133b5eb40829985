import { dirname } from 'node:path';

import { faultsOf, faultText, type Fault } from './faults.ts';
import { configSchema, type FileConfig } from './file-schema.ts';
import { fillPlaceholders, hasPlainPassword } from './placeholders.ts';
import { parseYamlFile } from './yaml-file.ts';

/** What copyline.yaml says, or everything that is wrong with it. */
export type FileOutcome =
  | {
      readonly config: FileConfig;
      /** Names of connections whose password stands in the file in clear. */
      readonly plainPasswords: readonly string[];
      readonly hasPlainControlPassword: boolean;
    }
  | { readonly faults: readonly string[] };

/** Reads copyline.yaml. Faults are told with their lines, all at once, and never with a value. */
export function readConfigFile(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): FileOutcome {
  const read = parseYamlFile(file);
  if ('faults' in read) return read;
  const raw = read.value ?? {};
  const faults: string[] = [];
  const tell = (fault: Fault): void => {
    faults.push(faultText(fault, read.lineOf(fault.path)));
  };
  const parsed = configSchema.safeParse(
    fillConfig(raw, (value, path) =>
      fillPlaceholders(value, { env, folder: dirname(file) }, (message) => {
        tell({ path, message });
      }),
    ),
  );
  for (const fault of faultsOf(parsed.error)) tell(fault);
  if (!parsed.success || faults.length > 0) return { faults };
  const control = memberOf(raw, 'control');
  return {
    config: parsed.data,
    plainPasswords: entriesOf(memberOf(raw, 'connections'))
      .filter(([, conninfo]) => typeof conninfo === 'string' && hasPlainPassword(conninfo))
      .map(([name]) => name),
    hasPlainControlPassword: typeof control === 'string' && hasPlainPassword(control),
  };
}

/** Fills the placeholders of connections, control and queue; whatever has a wrong type stays. */
function fillConfig(
  raw: unknown,
  fill: (value: string, path: readonly string[]) => string,
): unknown {
  if (!isRecord(raw)) return raw;
  const filled = entriesOf(raw).map(([key, value]): [string, unknown] => {
    if (typeof value === 'string' && (key === 'control' || key === 'queue')) {
      return [key, fill(value, [key])];
    }
    if (key !== 'connections' || !isRecord(value)) return [key, value];
    const connections = entriesOf(value).map(([name, conninfo]): [string, unknown] => [
      name,
      typeof conninfo === 'string' ? fill(conninfo, [key, name]) : conninfo,
    ]);
    return [key, Object.fromEntries(connections)];
  });
  return Object.fromEntries(filled);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entriesOf(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

function memberOf(value: unknown, key: string): unknown {
  return entriesOf(value).find(([name]) => name === key)?.[1];
}
