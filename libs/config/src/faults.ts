import type { z } from 'zod';

/** A fault as people look for it: at which key, and what is wrong there. */
export interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What a schema has found, key by key. Messages never repeat a value. */
export function faultsOf(error: z.ZodError | undefined): Fault[] {
  return (error?.issues ?? []).flatMap((issue): Fault[] => {
    const { path } = issue;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: 'is not known' }));
    }
    // What is wrong with a key stands inside.
    if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => ({ path, message }));
    return [{ path, message: issue.message }];
  });
}

/** `line 3: worker.port: …`; without a line where there is no file. */
export function faultText({ path, message }: Fault, line?: number): string {
  const where = path.length === 0 ? '' : `${path.join('.')}: `;
  return `${line === undefined ? '' : `line ${String(line)}: `}${where}${message}`;
}
