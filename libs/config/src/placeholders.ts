import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where placeholders find their values. */
export interface PlaceholderContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the paths of files are relative to. */
  readonly folder: string;
}

/**
 * Replaces `${env:NAME}` by a variable of the environment and `${file:/run/secrets/name}` by the
 * content of a file, without the line end that most editors and secret stores put behind it.
 *
 * @param onFault told what cannot be replaced; never a value
 */
export function fillPlaceholders(
  text: string,
  { env, folder }: PlaceholderContext,
  onFault: (message: string) => void,
): string {
  return text.replace(/\$\{(env|file):([^}]*)\}/g, (_, kind: string, name: string) => {
    if (kind === 'env') {
      const value = env[name];
      if (value === undefined) onFault(`the environment variable ${name} is not set`);
      return value ?? '';
    }
    try {
      return readFileSync(resolve(folder, name), 'utf8').replace(/\r?\n$/, '');
    } catch {
      onFault(`the file ${name} cannot be read`);
      return '';
    }
  });
}

/** Whether a conninfo or a URL has a password that does not come from a placeholder. */
export function hasPlainPassword(text: string): boolean {
  return /password\s*=\s*(?!\$\{(?:env|file):)\S|:\/\/[^/@:]*:(?!\$\{(?:env|file):)[^/@]+@/.test(
    text,
  );
}
