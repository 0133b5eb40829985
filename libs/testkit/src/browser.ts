import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { onTestFinished } from 'vitest';

/** Where Debian has it. */
const CHROMIUM = '/usr/bin/chromium';

/**
 * Whether this machine has a browser to test with. Without one such tests are skipped; where `CI` is
 * set they must not be, so there the run fails.
 */
export function hasBrowser(): boolean {
  if (existsSync(CHROMIUM)) return true;
  if (process.env['CI'] !== undefined) {
    throw new Error(`${CHROMIUM} is missing: apt-get install chromium`);
  }
  process.stderr.write(`No ${CHROMIUM}, no tests in a browser: apt-get install chromium\n`);
  return false;
}

/** A real browser, closed when the test ends. */
export async function openBrowser(): Promise<Browser> {
  // Loaded by the few tests that need it: it takes as long as everything else of the testkit.
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    // Root has no user namespace to put the sandbox in; the pages are our own.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  onTestFinished(() => browser.close());
  return browser;
}
