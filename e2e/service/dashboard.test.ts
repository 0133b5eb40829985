import {
  hasBrowser,
  openBrowser,
  openGate,
  openReadGate,
  postgres18,
  useOwnDatabase,
  waitFor,
  writeCsv,
} from '@copyline/testkit';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';

import { createService, type Scheduler, type Service } from './service.ts';

/** Where to leave screenshots for people; none are taken without it. */
const SCREENSHOTS = process.env['COPYLINE_SCREENSHOTS'];
const ROWS = 60_000;

describe.skipIf(!hasBrowser())('the Runs page in a browser', () => {
  const db = useOwnDatabase(postgres18());

  async function prepare(): Promise<{ service: Service; scheduler: Scheduler }> {
    const service = await createService(db, { backend: 'postgres' });
    return { service, scheduler: await service.startScheduler() };
  }

  it('signs in, follows a load as it advances, and shows where one has failed', async () => {
    const { service, scheduler } = await prepare();
    const file = await writeCsv(join(service.inbox, 'rows.csv'), { rows: ROWS, shape: 'mixed' });
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: ROWS / 2 });
    const worker = await service.startWorker();
    const { page, faults } = await openPage(scheduler.url);

    await page.getByLabel('Access token').fill('cpl_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This is not the token of this scheduler.').waitFor();
    await page.getByLabel('Access token').fill(scheduler.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByTestId('no-runs').waitFor();
    await shot(page, 'empty');

    // Submitted elsewhere: the page has to hear of it by itself.
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    const row = page.locator(`[data-testid=run][data-job="${id}"]`);
    await row.waitFor();
    await gate.reached({ timeoutMs: 30_000 });
    await waitFor(
      'the row to run',
      async () => (await row.getAttribute('data-state')) === 'running',
    );
    await row.getByTestId('progress').waitFor();
    await shot(page, 'running');
    await gate.release();
    await waitFor(
      'the row to be done',
      async () => (await row.getAttribute('data-state')) === 'done',
    );
    expect(await row.locator('.cell-rows').textContent()).toContain('60,000');

    await db.sql('CREATE TABLE numbers (n int4)');
    await writeFile(
      join(service.inbox, 'bad.csv'),
      'n\n1\n2\nthree <img src=x onerror=alert(1)>\n',
    );
    const bad = await scheduler.submit({ source: 'inbox:bad.csv', into: 'numbers' });
    await scheduler.jobEnded(bad.id);
    await page.locator(`[data-testid=run][data-job="${bad.id}"][data-state=failed]`).waitFor();
    await page.goto(`${scheduler.url}/#/jobs/${bad.id}`);
    const panel = page.getByTestId('panel');
    await panel.waitFor();
    const text = (await panel.textContent()) ?? '';
    for (const part of ['VALUE_REFUSED', 'inbox:bad.csv', '22P02', 'three <img']) {
      expect(text).toContain(part);
    }
    const place = (await panel.getByTestId('place').textContent()) ?? '';
    expect(place).toMatch(/Record\s*3/i);
    expect(place).toMatch(/Line\s*4/i);
    expect(place).toMatch(/Column\s*n/i);
    await shot(page, 'failed');

    worker.kill('SIGTERM');
    await worker.exit;
    await page.getByTestId('banner-no-worker').waitFor({ timeout: 30_000 });
    expect(faults()).toEqual([]);
  });

  it('cancels a load, and says what became of it', async () => {
    const { service, scheduler } = await prepare();
    const file = await writeCsv(join(service.inbox, 'rows.csv'), { rows: 2_000, shape: 'mixed' });
    await db.sql(file.createTableSql('t'));
    const gate = await openGate(db, 't', { column: 'rid', at: 1_000 });
    const worker = await service.startWorker();
    const { id } = await scheduler.submit({ source: 'inbox:rows.csv', into: 't' });
    await gate.reached({ timeoutMs: 30_000 });
    const { page, faults } = await openPage(scheduler.url);
    await signIn(page, scheduler);

    await page.goto(`${scheduler.url}/#/jobs/${id}`);
    await page.getByRole('button', { name: 'Cancel load…' }).click();
    await page.getByRole('button', { name: 'Yes, cancel the load' }).click();
    await page.getByText('It was cancelled. Nothing is loaded.').waitFor({ timeout: 20_000 });
    await gate.release();

    expect((await scheduler.job(id)).state).toBe('cancelled');
    expect(faults()).toEqual([]);
    worker.kill('SIGTERM');
    await worker.exit;
  });

  it('shows extracts beside loads: at work, done, failed, cancelled', async () => {
    const { service, scheduler } = await prepare();
    const gate = await openReadGate(db, 'numbers', { rows: ROWS, at: ROWS / 2 });
    const worker = await service.startWorker();
    const { page, faults } = await openPage(scheduler.url);
    await signIn(page, scheduler);
    const from = { table: 'numbers', columns: ['rid', 'filler'], where: 'rid > 0' };
    const submit = (to: string): Promise<{ id: string }> =>
      scheduler.submitExtract({ from, to: `outbox:${to}`, rowsPerFile: 25_000 });
    const { id } = await submit('numbers.csv');
    const row = page.locator(`[data-testid=run][data-job="${id}"]`);
    await gate.reached({ timeoutMs: 30_000 });
    await page.locator(`[data-job="${id}"][data-state=running]`).waitFor();
    await waitFor('rows to be told', async () => {
      return /[1-9]/.test((await row.locator('.cell-rows').textContent()) ?? '');
    });
    expect(await row.textContent()).toContain('target · numbers');
    expect(await row.textContent()).toContain('outbox:numbers.csv');
    await row.getByTestId('type').waitFor();
    await page.goto(`${scheduler.url}/#/jobs/${id}`);
    const panel = page.getByTestId('panel');
    await panel.getByTestId('panel-progress').waitFor();
    await shot(page, 'extract-running');

    const { id: unwanted } = await submit('unwanted.csv');
    await scheduler.jobWhen(unwanted, 'to run', ({ state }) => state === 'running');
    await page.goto(`${scheduler.url}/#/jobs/${unwanted}`);
    await page.getByRole('button', { name: 'Cancel extract…' }).click();
    await page.getByRole('button', { name: 'Yes, cancel the extract' }).click();
    await page.getByText('It was cancelled. Nothing is published.').waitFor({ timeout: 20_000 });

    await gate.release();
    await page.locator(`[data-job="${id}"][data-state=done]`).waitFor({ timeout: 30_000 });
    await page.goto(`${scheduler.url}/#/jobs/${id}`);
    await page.getByText('60,000 rows are in 3 files of outbox:numbers.csv.').waitFor();
    const files = (await panel.getByTestId('panel-files').textContent()) ?? '';
    for (const part of ['numbers-00001.csv', 'numbers-00003.csv', '10,000 rows', 'manifest.json']) {
      expect(files).toContain(part);
    }
    await shot(page, 'extract-done');

    const { id: again } = await submit('numbers.csv');
    await page.locator(`[data-job="${again}"][data-state=failed]`).waitFor({ timeout: 30_000 });
    await page.goto(`${scheduler.url}/#/jobs/${again}`);
    await panel.getByText('SINK_EXISTS').waitFor();
    await page.getByText('It failed. Nothing is published.').waitFor();
    await shot(page, 'extract-failed');
    await page.goto(`${scheduler.url}/#/`);
    await panel.waitFor({ state: 'detached' });
    await shot(page, 'extract-list');
    expect(faults()).toEqual([]);
    worker.kill('SIGTERM');
    await worker.exit;
  });

  it("has the queue's own board behind the same session, and ends both with signing out", async () => {
    const { scheduler } = await prepare();
    const { page, faults } = await openPage(scheduler.url);
    await page.goto(`${scheduler.url}/queues`);
    expect(await page.textContent('body')).toContain('UNAUTHENTICATED');
    await page.goto(scheduler.url);
    await signIn(page, scheduler);
    await page.getByRole('link', { name: 'Queues' }).click();
    await page.getByText('loads', { exact: false }).first().waitFor();
    await shot(page, 'queues');
    await page.goto(scheduler.url);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Access token').waitFor();
    await page.goto(`${scheduler.url}/queues`);
    expect(await page.textContent('body')).toContain('UNAUTHENTICATED');
    // The board asks for fonts of another site, which the policy of the page forbids.
    expect(faults().filter((fault) => !fault.includes('fonts.googleapis.com'))).toEqual([]);
  });
});

async function openPage(url: string): Promise<{ page: Page; faults: () => string[] }> {
  const browser = await openBrowser();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // Chromium's own line for every answer that is not 200: expected where it happens here.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== url) faults.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults: () => faults };
}

async function signIn(page: Page, scheduler: Scheduler): Promise<void> {
  await page.getByLabel('Access token').fill(scheduler.token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

/** At desk and phone width, light and dark. */
async function shot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [size, width, height] of [
      ['desk', 1280, 800],
      ['phone', 390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${size}-${colorScheme}.png`) });
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
}
