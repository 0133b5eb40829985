import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';

/** A YAML or JSON file as it stands there, or why it cannot be read. */
export type YamlFile =
  | {
      readonly value: unknown;
      /** The line of a key, or of the nearest one above it that the file has. */
      readonly lineOf: (path: readonly PropertyKey[]) => number;
    }
  | { readonly faults: readonly string[] };

/** Reads a file without judging its content. Doubled keys and aliases are refused. */
export function parseYamlFile(file: string): YamlFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return { faults: ['it cannot be read'] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, maxAliasCount: 0 } as object);
  if (document.errors.length > 0) {
    // The first line says what and where; the others repeat the text, which may hold a secret.
    return { faults: document.errors.map(({ message, code }) => message.split('\n')[0] ?? code) };
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: 0 });
    return { value, lineOf: (path) => lineOf(document, path, lines) };
  } catch {
    return { faults: ['aliases are not allowed'] };
  }
}

function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
