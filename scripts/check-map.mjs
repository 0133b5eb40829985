// Keeps the map in AGENTS.md true: every source file and source folder has one line there, and every
// mapped path exists. `--list-missing` prints lines for what is missing, ready to paste.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const MAP = 'AGENTS.md';
const UNDESCRIBED = '?';

/** Source files, and folders with a slash at the end, of every app and library; tests apart. */
function sourcePaths() {
  const projects = ['apps', 'libs'].flatMap((kind) =>
    existsSync(join(ROOT, kind))
      ? readdirSync(join(ROOT, kind)).map((name) => `${kind}/${name}`)
      : [],
  );
  const folders = projects.map((project) => `${project}/src/`);
  return folders.filter((folder) => existsSync(join(ROOT, folder))).flatMap(pathsUnder);
}

function pathsUnder(folder) {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  const names = entries.sort(
    (a, b) => a.isDirectory() - b.isDirectory() || (a.name < b.name ? -1 : 1),
  );
  const inside = names.flatMap((entry) => {
    if (entry.isDirectory()) return pathsUnder(`${folder}${entry.name}/`);
    return /\.test\.tsx?$/.test(entry.name) ? [] : [`${folder}${entry.name}`];
  });
  return [folder, ...inside];
}

/** The lines of the map: "- `path` — what it is". */
function mappedLines() {
  const lines = readFileSync(join(ROOT, MAP), 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    const match = /^\s*- `([^`]+)` — (.*)$/.exec(line);
    return match ? [{ path: match[1], says: match[2].trim(), line: index + 1 }] : [];
  });
}

/** The first sentence of what a file says of itself: at its top, else above its first export. */
function firstDocSentence(path) {
  if (path.endsWith('/')) return UNDESCRIBED;
  const code = readFileSync(join(ROOT, path), 'utf8');
  const comment =
    /^(?:#!.*\n)?\/\*\*((?:(?!\*\/)[^])*)\*\/\n/.exec(code) ??
    /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport/.exec(code) ??
    /\/\*\*((?:(?!\*\/)[^])*)\*\//.exec(code);
  if (!comment) return UNDESCRIBED;
  const [text] = comment[1].replace(/^\s*\*/gm, ' ').split(/\s@/);
  const [sentence] = text
    .replace(/\s+/g, ' ')
    .trim()
    .split(/(?<=\.)\s/);
  return sentence.replace(/\.$/, '') || UNDESCRIBED;
}

const sources = sourcePaths();
const mapped = mappedLines();
const missing = sources.filter((path) => !mapped.some((line) => line.path === path));

if (process.argv.includes('--list-missing')) {
  for (const path of missing) console.log(`- \`${path}\` — ${firstDocSentence(path)}`);
} else {
  const faults = missing.map((path) => `${path} is not on the map`);
  mapped.forEach(({ path, says, line }, index) => {
    const at = `${MAP}:${line}`;
    if (!existsSync(join(ROOT, path))) faults.push(`${at}: ${path} does not exist`);
    if (says === '' || says === UNDESCRIBED) faults.push(`${at}: ${path} has no description`);
    if (mapped.findIndex((other) => other.path === path) < index) {
      faults.push(`${at}: ${path} is mapped twice`);
    }
  });
  if (faults.length > 0) {
    console.error(faults.join('\n'));
    console.error(
      `\n${MAP} is out of date. Missing lines: node scripts/check-map.mjs --list-missing`,
    );
    process.exit(1);
  }
  console.log(`${MAP} maps all ${sources.length} sources.`);
}
