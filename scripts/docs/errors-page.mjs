/** docs/errors.md, from the one table of errors. */
import { readFile } from 'node:fs/promises';

import { ERROR_GROUPS, ERRORS } from '@copyline/contracts';

import { code, generatedFrom, prose, table } from './markdown.mjs';

const SOURCE = 'libs/contracts/src/errors.ts';
/** Its comment explains the retry classes. */
const CLASSES = '../../libs/contracts/src/errors/error-definition.ts';

export async function errorsPage() {
  const source = await readFile(new URL(CLASSES, import.meta.url), 'utf8');
  return [
    generatedFrom(SOURCE),
    '# Errors',
    `Every failure has a code. It stands at the beginning of the message, in \`error.code\` of the report that \`--json\` prints, and in \`copyline history\`. A code keeps its meaning.`,
    `**Retry** says what a repetition can achieve:`,
    retryClasses(source)
      .map(({ name, meaning }) => `- \`${name}\`: ${meaning}`)
      .join('\n'),
    ...Object.entries(ERROR_GROUPS).flatMap(([title, errors]) => [
      `## ${title.charAt(0).toUpperCase()}${title.slice(1)}`,
      table(['Code', 'Meaning', 'Retry', 'What to do'], Object.keys(errors).map(row)),
    ]),
  ].join('\n\n');
}

function row(name) {
  const { meaning, retry, advice } = ERRORS[name];
  return [code(name), prose(meaning), code(retry), prose(advice)];
}

function retryClasses(source) {
  const classes = [...source.matchAll(/^ \* - `(\w+)`: (.+)$/gm)];
  const used = new Set(Object.values(ERRORS).map(({ retry }) => retry));
  const named = classes.map(([, name, meaning]) => ({ name, meaning }));
  for (const retry of used) {
    if (!named.some(({ name }) => name === retry)) {
      throw new Error(`The retry class “${retry}” is not explained in ${SOURCE}`);
    }
  }
  return named;
}
