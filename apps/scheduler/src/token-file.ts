import { readToken, type Settings } from '@copyline/config';
import type { Access } from '@copyline/queue';
import type { Logger } from '@nestjs/common';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes sure that somebody can sign in. A token that the operator gives, in the environment or in the
 * token file, is the token from now on; else the first start makes one and writes it to that file, which
 * only its owner can read. It is never printed.
 *
 * @throws CopylineError `CONFIG_INVALID` when the token file cannot be read or holds something else
 */
export async function prepareAccess(
  access: Access,
  settings: Settings,
  log: Logger,
): Promise<void> {
  const { tokenFile } = settings;
  const chosen = await readToken(settings);
  if (chosen !== undefined) {
    await access.setToken(chosen);
    return;
  }
  const isNew = await access.createFirstToken(async (first) => {
    await writeTokenFile(tokenFile, first.reveal());
  });
  if (isNew) {
    log.log(`The access token is in ${tokenFile}`);
  } else {
    log.warn(
      `An access token was made before, but ${tokenFile} is not there; write one into it or set COPYLINE_TOKEN, and start again`,
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
