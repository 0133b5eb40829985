import { readFile } from 'node:fs/promises';

import 'reflect-metadata';

import { openApiDocument } from '../../apps/scheduler/dist/api/open-api.js';

/** docs/openapi.json: what the scheduler answers at /api/v1/openapi.json. */
export async function openApiPage() {
  const project = new URL('../../apps/scheduler/package.json', import.meta.url);
  const { version } = JSON.parse(await readFile(project, 'utf8'));
  return JSON.stringify(openApiDocument(version));
}
