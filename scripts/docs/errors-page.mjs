/** docs/errors.md, from the one table of errors. */
import { readFile } from 'node:fs/promises';

import { ERRORS } from '@copyline/contracts';

import { code, generatedFrom, prose, table } from './markdown.mjs';

const SOURCE = 'libs/contracts/src/errors.ts';

export async function errorsPage() {
  const source = await readFile(new URL(`../../${SOURCE}`, import.meta.url), 'utf8');
  const groups = groupsOf(source);
  const grouped = groups.flatMap(({ codes }) => codes).join();
  if (grouped !== Object.keys(ERRORS).join()) {
    throw new Error(`${SOURCE} and its build disagree: run \`npm run build\``);
  }
  return [
    generatedFrom(SOURCE),
    '# Errors',
    `Every failure has a code. It stands at the beginning of the message, in \`error.code\` of the report that \`--json\` prints, and in \`copyline history\`. A code keeps its meaning.`,
    `**Retry** says what a repetition can achieve:`,
    retryClasses(source)
      .map(({ name, meaning }) => `- \`${name}\`: ${meaning}`)
      .join('\n'),
    ...groups.flatMap(({ title, codes }) => [
      `## ${title.charAt(0).toUpperCase()}${title.slice(1)}`,
      table(['Code', 'Meaning', 'Retry', 'What to do'], codes.map(row)),
    ]),
  ].join('\n\n');
}

function row(name) {
  const { meaning, retry, advice } = ERRORS[name];
  return [code(name), prose(meaning), code(retry), prose(advice)];
}

/** The headings are comments, which only the source has. */
function groupsOf(source) {
  const groups = [];
  for (const [, title, name] of source.matchAll(
    /^ {2}(?:\/\/ — (.+) —|([A-Z][A-Z0-9_]*): \{)$/gm,
  )) {
    if (title !== undefined) groups.push({ title, codes: [] });
    else groups[groups.length - 1].codes.push(name);
  }
  return groups;
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
