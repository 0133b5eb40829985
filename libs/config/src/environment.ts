import { z } from 'zod';

import { configSchema, schedulerSchema, workerSchema } from './file-schema.ts';
import { fillPlaceholders } from './placeholders.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The programs that read a variable. */
type Program = 'copyline' | 'scheduler' | 'worker';

interface Variable {
  readonly meaning: string;
  readonly readBy: readonly Program[];
}

const ALL: readonly Program[] = ['copyline', 'scheduler', 'worker'];
const SERVICES: readonly Program[] = ['scheduler', 'worker'];
const scheduler = (key: keyof typeof schedulerSchema.shape): Variable & Override => ({
  meaning: `\`scheduler.${key}\` of the configuration file.`,
  readBy: ['scheduler'],
  section: 'scheduler',
  key,
  schema: schedulerSchema.shape[key],
});
const worker = (key: keyof typeof workerSchema.shape): Variable & Override => ({
  meaning: `\`worker.${key}\` of the configuration file.`,
  readBy: ['worker'],
  section: 'worker',
  key,
  schema: workerSchema.shape[key],
});
const topLevel = (key: 'control' | 'queue'): Variable & Override => ({
  meaning: `\`${key}\` of the configuration file.`,
  readBy: SERVICES,
  section: undefined,
  key,
  schema: configSchema.shape[key],
});

/** A variable that takes the place of a key of the configuration file. */
interface Override {
  readonly section: 'scheduler' | 'worker' | undefined;
  readonly key: string;
  readonly schema: z.ZodType;
}

/** Environment variables of all programs; `PG…` variables are read by the driver. */
export const ENVIRONMENT: Readonly<Record<string, Variable & Partial<Override>>> = {
  COPYLINE_CONFIG: {
    meaning: 'Configuration file. Default: copyline.yaml in the working directory.',
    readBy: ALL,
  },
  COPYLINE_HOME: {
    meaning: 'Directory of the embedded database. Default: .copyline in the working directory.',
    readBy: ALL,
  },
  COPYLINE_SERVER: {
    meaning:
      'Address of the scheduler for submit, jobs and cancel. Default: where `scheduler` of the configuration says, else http://127.0.0.1:7420.',
    readBy: ['copyline'],
  },
  COPYLINE_TOKEN: {
    meaning:
      'Access token of the HTTP API. Wins over the token file; the scheduler accepts this one and no other.',
    readBy: ['copyline', 'scheduler'],
  },
  COPYLINE_TOKEN_FILE: {
    meaning: 'File that holds the access token. Default: the file token in COPYLINE_HOME.',
    readBy: ['copyline', 'scheduler'],
  },
  COPYLINE_CONTROL: topLevel('control'),
  COPYLINE_QUEUE: topLevel('queue'),
  COPYLINE_HOST: scheduler('host'),
  COPYLINE_PORT: scheduler('port'),
  COPYLINE_RECONCILE_SECONDS: scheduler('reconcileSeconds'),
  COPYLINE_WORKER_HOST: worker('host'),
  COPYLINE_WORKER_PORT: worker('port'),
  COPYLINE_WORKER_CONCURRENCY: worker('concurrency'),
  COPYLINE_WORKER_GRACE_SECONDS: worker('graceSeconds'),
  COPYLINE_WORKER_LOCK_SECONDS: worker('lockSeconds'),
  COPYLINE_WORKER_ATTEMPTS: worker('attempts'),
  NO_COLOR: { meaning: 'When set, no colours are printed.', readBy: ['copyline'] },
};

/** RFC 6750, section 2.1: what may stand behind `Bearer`. */
const tokenSchema = z
  .string()
  .regex(/^[A-Za-z0-9._~+/-]+=*$/, 'may have letters, digits and - . _ ~ + / only');

/** @returns undefined when the text is no token */
export function parseToken(text: string): string | undefined {
  return tokenSchema.safeParse(text).data;
}

const serverSchema = z
  .url({ protocol: /^https?$/, message: 'is an address such as http://127.0.0.1:7420' })
  .refine((text) => {
    const { username, password, search, hash } = new URL(text);
    return username + password + search + hash === '';
  }, 'has more than host, port and path')
  .transform((text) => text.replace(/\/+$/, ''));

/** What the environment says; undefined where it says nothing. */
export interface EnvironmentSettings {
  readonly server: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  /** Keys of the configuration file and their new values, checked. */
  readonly overrides: {
    readonly top: Readonly<Record<string, unknown>>;
    readonly scheduler: Readonly<Record<string, unknown>>;
    readonly worker: Readonly<Record<string, unknown>>;
  };
}

/**
 * Reads the variables that are settings. An empty variable is one that is not set: that is how
 * containers leave a value out.
 *
 * @param onFault told what is wrong with which variable; never a value
 */
export function readEnvironment(
  env: Environment,
  cwd: string,
  onFault: (message: string) => void,
): EnvironmentSettings {
  const read = <T>(name: string, schema: z.ZodType<T>, value: unknown): T | undefined => {
    const parsed = schema.safeParse(value);
    for (const { message } of parsed.error?.issues ?? []) onFault(`${name}: ${message}`);
    return parsed.data;
  };
  const readText = (name: string, schema: z.ZodType<string>): string | undefined => {
    const text = given(env, name);
    return text === undefined ? undefined : read(name, schema, text);
  };
  const overrides = {
    top: {} as Record<string, unknown>,
    scheduler: {} as Record<string, unknown>,
    worker: {} as Record<string, unknown>,
  };
  for (const [name, { section, key, schema }] of Object.entries(ENVIRONMENT)) {
    const text = given(env, name);
    if (text === undefined || key === undefined || schema === undefined) continue;
    const value =
      section === undefined
        ? fillPlaceholders(text, { env, folder: cwd }, (message) => {
            onFault(`${name}: ${message}`);
          })
        : asNumber(text);
    overrides[section ?? 'top'][key] = read(name, schema, value);
  }
  return {
    server: readText('COPYLINE_SERVER', serverSchema),
    token: readText('COPYLINE_TOKEN', tokenSchema),
    tokenFile: given(env, 'COPYLINE_TOKEN_FILE'),
    overrides,
  };
}

/** The variable, unless it is empty. */
export function given(env: Environment, name: string): string | undefined {
  const text = env[name];
  return text === '' ? undefined : text;
}

/** A number where the text is one; otherwise the schema says what it thinks of the text. */
function asNumber(text: string): string | number {
  return /^\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : text;
}
