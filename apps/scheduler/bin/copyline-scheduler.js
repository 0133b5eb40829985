#!/usr/bin/env node
// Committed so that npm can link the command before anything is built.
import { existsSync } from 'node:fs';

const main = new URL('../bundle/main.js', import.meta.url);
if (!existsSync(main)) {
  process.stderr.write(
    'copyline-scheduler is not built yet. Run `npm run build` in the checkout, then try again.\n',
  );
  process.exit(2);
}
await import(main.href);
