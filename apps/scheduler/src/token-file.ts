import type { Settings } from '@copyline/config';
import type { Access } from '@copyline/queue';
import type { Logger } from '@nestjs/common';
import { existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes sure that somebody can sign in: the token of the environment is the token, or else the first
 * start makes one and writes it to a file that only its owner can read. It is never printed.
 */
export async function prepareAccess(
  access: Access,
  settings: Settings,
  log: Logger,
): Promise<void> {
  const { token, tokenFile } = settings;
  if (token !== undefined) {
    await access.setToken('environment', token);
    return;
  }
  const isNew = await access.createFirstToken(async (first) => {
    await writeTokenFile(tokenFile, first.reveal());
  });
  if (isNew) log.log(`The access token is in ${tokenFile}`);
  else if (!existsSync(tokenFile)) {
    log.warn(
      `An access token was made before, but ${tokenFile} is not there; set COPYLINE_TOKEN to choose one`,
    );
  }
}

async function writeTokenFile(path: string, token: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${String(process.pid)}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(`${token}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
