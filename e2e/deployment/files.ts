import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const ROOT = new URL('../..', import.meta.url).pathname;
export const PROGRAMS = ['scheduler', 'worker'] as const;
export type Program = (typeof PROGRAMS)[number];

export type Environment = Readonly<Record<string, string>>;

interface ComposeService {
  readonly image: string;
  readonly build?: unknown;
  readonly pull_policy?: string;
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: unknown;
  readonly stop_grace_period: string;
  readonly ports?: readonly string[];
  readonly volumes: readonly unknown[];
  readonly networks: readonly string[];
  readonly secrets: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly deploy: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } };
}

export interface Compose {
  readonly services: Readonly<Record<Program | 'postgres' | 'redis', ComposeService>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** With its anchors and its variables replaced, these by their defaults. */
export function readCompose(): Compose {
  // Not the copy at the root, which is an older one of somebody else.
  const { parse } = createRequire(join(ROOT, 'libs/config/package.json'))('yaml') as {
    parse: (text: string, options: { merge: boolean }) => unknown;
  };
  const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
  const filled = text.replace(/(?<!\$)\$\{\w+:-([^}]*)\}/g, '$1');
  return parse(filled, { merge: true }) as Compose;
}

/** What the image of a program says, stages and all. */
export interface ImageFacts {
  readonly user: string;
  readonly labels: string;
  readonly env: Environment;
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
}

export type Instruction = readonly [name: string, rest: string];

export function readDockerfile(): Record<Program, ImageFacts> & {
  instructions: readonly Instruction[];
} {
  const text = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8');
  const instructions = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Instruction => {
      const [name = '', ...rest] = line.split(' ');
      return [name, rest.join(' ').trim()];
    });
  const factsOf = (program: Program): ImageFacts => {
    const stages = [stageOf(instructions, 'runtime'), stageOf(instructions, program)].flat();
    const all = (wanted: string): string[] =>
      stages.flatMap(([name, rest]) => (name === wanted ? [rest] : []));
    const last = (wanted: string): string => all(wanted).at(-1) ?? '[]';
    const check = last('HEALTHCHECK');
    return {
      user: last('USER'),
      labels: all('LABEL').join(' '),
      env: Object.fromEntries(
        all('ENV').flatMap((rest) => rest.split(' ').map((pair) => pair.split('=', 2))),
      ) as Environment,
      cmd: JSON.parse(last('CMD')) as string[],
      healthcheck: JSON.parse(check.slice(check.indexOf('['))) as string[],
    };
  };
  return { scheduler: factsOf('scheduler'), worker: factsOf('worker'), instructions };
}

function stageOf(instructions: readonly Instruction[], stage: string): readonly Instruction[] {
  const isFrom = ([name]: Instruction): boolean => name === 'FROM';
  const first = instructions.findIndex(
    (each) => isFrom(each) && each[1].toLowerCase().endsWith(` as ${stage}`),
  );
  const after = instructions.findIndex((each, index) => index > first && isFrom(each));
  return instructions.slice(first + 1, after === -1 ? undefined : after);
}

export function isProgram(name: string): name is Program {
  return (PROGRAMS as readonly string[]).includes(name);
}
