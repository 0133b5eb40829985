import { Secret } from '../secret.ts';
import type { ConnectionParameters } from './keywords.ts';

/**
 * Writes parameters as `keyword=value` pairs, which `parseConninfo` reads to the same. **The passwords
 * are in it, in clear**: for another program, never for a message.
 */
export function formatConninfo(parameters: ConnectionParameters): string {
  return Object.entries(parameters)
    .map(([keyword, value]: [string, string | Secret]) => {
      const text = value instanceof Secret ? value.reveal() : value;
      return `${keyword}=${/^[\w.:,/+-]+$/.test(text) ? text : quote(text)}`;
    })
    .join(' ');
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
