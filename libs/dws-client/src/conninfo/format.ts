import { Secret } from '../secret.ts';
import type { ConnectionParameters } from './keywords.ts';

/**
 * Writes parameters as `keyword=value` pairs, which `parseConninfo` reads to the same. **The passwords
 * are in it, in clear**: for another program, not for a message; that is `describeTarget`.
 */
export function formatConninfo(parameters: ConnectionParameters): string {
  return Object.entries(parameters)
    .map(([keyword, value]: [string, string | Secret]) => {
      const text = value instanceof Secret ? value.reveal() : value;
      return `${keyword}=${/^[\w.:,/+-]+$/.test(text) ? text : quote(text)}`;
    })
    .join(' ');
}

/** Where a connection goes, for messages: `user@host:port/dbname`, never the password. */
export function describeTarget(parameters: ConnectionParameters): string {
  const { user = '', port = '' } = parameters;
  const dbname =
    parameters.dbname === undefined || parameters.dbname === '' ? user : parameters.dbname;
  const hosts = [parameters.host, parameters.hostaddr, '[local]'].find(
    (each) => each !== undefined && each !== '',
  );
  const ports = port.split(',');
  const places = (hosts ?? '')
    .split(',')
    .map((host, i) => `${host}:${ports[ports.length === 1 ? 0 : i] || '5432'}`);
  return `${user}@${places.join(',')}/${dbname}`;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
