import { CopylineError } from '@copyline/contracts';
import { readFileSync } from 'node:fs';
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

/**
 * Reads copyline.yaml.
 *
 * @throws CopylineError `CONFIG_INVALID`, naming every fault with its line
 */
export function parseConfigFile(file: string): FileConfig {
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
    throw invalidConfig(
      file,
      document.errors.map((error) => error.message.split('\n')[0] ?? error.code),
    );
  }
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (parsed.success) return parsed.data;
  throw invalidConfig(
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

export function invalidConfig(file: string, faults: readonly string[]): CopylineError {
  return new CopylineError('CONFIG_INVALID', `${file} is not valid: ${faults.join('; ')}`);
}
