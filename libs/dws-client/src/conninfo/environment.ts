import { homedir } from 'node:os';

import { type GivenValues, KEYWORDS, storeValue } from './keywords.ts';

/** Variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The values that the environment has for keywords; an empty variable has none. */
export function environmentValues(env: Environment): GivenValues {
  const values: GivenValues = new Map();
  // Deprecated since PostgreSQL 8: the mode of its own name counts more.
  if (env['PGREQUIRESSL']?.startsWith('1') === true) values.set('sslmode', 'require');
  for (const [keyword, variable] of Object.entries(KEYWORDS)) {
    const value = variable === undefined ? undefined : env[variable];
    if (value !== undefined && value !== '') storeValue(values, keyword, value);
  }
  return values;
}

/** Where the files of the account are. */
export function homeOf(env: Environment): string {
  try {
    return env['HOME'] ?? homedir();
  } catch {
    return '/'; // an account without a home has no files there, either
  }
}
