import type { LoadPhase, LoadProgress } from '@copyline/copy';

import { bytesText, countText, durationText } from './numbers.ts';

/** Milliseconds between two drawings: fast enough to move, too slow to cost anything. */
const REDRAW_MS = 100;
const BAR_CELLS = 24;

const PHASE_TEXTS: Readonly<Record<LoadPhase, string>> = {
  connect: 'connecting',
  inspect: 'looking at source and table',
  'infer types': 'reading column types',
  hash: 'comparing with what is loaded',
  wait: 'waiting for another run of this load',
  copy: 'loading',
  commit: 'committing',
  settle: 'asking the ledger for the outcome',
};

/** One line on a terminal that shows how far a load has come. Nothing where stderr is no terminal. */
export class ProgressLine {
  readonly #isShown: boolean;
  #phase: LoadPhase | undefined;
  #phaseStartedAt = 0;
  #drawnAt = 0;

  constructor(isWanted: boolean) {
    this.#isShown = isWanted && process.stderr.isTTY;
  }

  show(progress: LoadProgress): void {
    if (!this.#isShown) return;
    const now = performance.now();
    if (progress.phase !== this.#phase) {
      this.#phase = progress.phase;
      this.#phaseStartedAt = now;
    } else if (now - this.#drawnAt < REDRAW_MS) {
      return;
    }
    this.#drawnAt = now;
    const width = process.stderr.columns || 80;
    const line = progressText(progress, now - this.#phaseStartedAt).slice(0, width - 1);
    process.stderr.write(`\r\x1b[2K${line}`);
  }

  clear(): void {
    if (this.#isShown && this.#phase !== undefined) process.stderr.write('\r\x1b[2K');
    this.#phase = undefined;
  }
}

/** What the line says; `elapsedMs` since the phase began. */
export function progressText(progress: LoadProgress, elapsedMs: number): string {
  const { phase, bytesRead, bytesTotal, rowsParsed } = progress;
  const text = PHASE_TEXTS[phase];
  const moves = phase === 'copy' || phase === 'hash' || phase === 'infer types';
  if (!moves || bytesTotal === 0) return `${text} …`;
  const part = Math.min(bytesRead / bytesTotal, 1);
  const filled = Math.round(part * BAR_CELLS);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
  const facts = [
    `${text} ${bar} ${String(Math.floor(part * 100)).padStart(3)} %`,
    `${bytesText(bytesRead)} of ${bytesText(bytesTotal)}`,
  ];
  if (rowsParsed > 0) facts.push(`${countText(rowsParsed)} rows`);
  if (elapsedMs > 300 && bytesRead > 0) {
    const rate = bytesRead / elapsedMs;
    facts.push(`${bytesText(rate * 1000)}/s`);
    facts.push(`${durationText((bytesTotal - bytesRead) / rate)} left`);
  }
  return facts.join('  ');
}
