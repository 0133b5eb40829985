import { escapeControls, type ExtractPhase, type LoadPhase } from '@copyline/copy';

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

const EXTRACT_PHASE_TEXTS: Readonly<Record<ExtractPhase, string>> = {
  connect: 'connecting',
  inspect: 'looking at the source',
  copy: 'extracting',
  publish: 'publishing',
};

/** How far a load has come, here or at a worker, which knows its rate better than we do. */
export interface ShownProgress {
  readonly phase: string;
  readonly bytesRead: number;
  readonly bytesTotal: number;
  readonly rowsParsed: number;
  readonly bytesPerSecond?: number | null;
  readonly secondsLeft?: number | null;
}

/** The same of an extract. */
export interface ShownExtractProgress {
  readonly phase: string;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly bytesPerSecond?: number | null;
}

/** One line on a terminal that shows how far a load has come. Nothing where stderr is no terminal. */
export class ProgressLine {
  readonly #isShown: boolean;
  #phase: string | undefined;
  #phaseStartedAt = 0;
  #bytesBefore = 0;
  #drawnAt = 0;

  constructor(isWanted: boolean) {
    this.#isShown = isWanted && process.stderr.isTTY;
  }

  show(progress: ShownProgress): void {
    // A phase that comes again with the next file goes on where it was.
    if (progress.phase !== this.#phase) this.#bytesBefore = progress.bytesRead;
    this.#draw(progress.phase, (elapsedMs) => progressText(progress, elapsedMs, this.#bytesBefore));
  }

  showExtract(progress: ShownExtractProgress): void {
    this.#draw(progress.phase, (elapsedMs) => extractProgressText(progress, elapsedMs));
  }

  /** A sentence instead of a bar. */
  say(text: string): void {
    this.#draw(text, () => text);
  }

  clear(): void {
    if (this.#isShown && this.#phase !== undefined) process.stderr.write('\r\x1b[2K');
    this.#phase = undefined;
  }

  #draw(phase: string, textAfter: (elapsedMs: number) => string): void {
    if (!this.#isShown) return;
    const now = performance.now();
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#phaseStartedAt = now;
    } else if (now - this.#drawnAt < REDRAW_MS) {
      return;
    }
    this.#drawnAt = now;
    const width = process.stderr.columns || 80;
    const line = textAfter(now - this.#phaseStartedAt).slice(0, width - 1);
    process.stderr.write(`\r\x1b[2K${line}`);
  }
}

/** What the line says; `elapsedMs` since the phase began, when `bytesBefore` had been read. */
export function progressText(progress: ShownProgress, elapsedMs: number, bytesBefore = 0): string {
  const { phase, bytesRead, bytesTotal, rowsParsed } = progress;
  const text = phaseText(PHASE_TEXTS, phase);
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
  const rate =
    progress.bytesPerSecond ??
    (elapsedMs > 300 ? ((bytesRead - bytesBefore) / elapsedMs) * 1000 : 0);
  if (rate > 0 && bytesRead > 0) {
    const secondsLeft = progress.secondsLeft ?? (bytesTotal - bytesRead) / rate;
    facts.push(`${bytesText(rate)}/s`);
    facts.push(`${durationText(secondsLeft * 1000)} left`);
  }
  return facts.join('  ');
}

/** Without a bar: nobody knows how much there is before it has come. */
export function extractProgressText(progress: ShownExtractProgress, elapsedMs: number): string {
  const { phase, rowsRead, bytesRead } = progress;
  const text = phaseText(EXTRACT_PHASE_TEXTS, phase);
  if (phase !== 'copy' || bytesRead === 0) return `${text} …`;
  const facts = [text, `${countText(rowsRead)} rows`, bytesText(bytesRead)];
  const rate = progress.bytesPerSecond ?? (elapsedMs > 300 ? (bytesRead / elapsedMs) * 1000 : 0);
  if (rate > 0) facts.push(`${bytesText(rate)}/s`);
  return facts.join('  ');
}

function phaseText(texts: Readonly<Record<string, string>>, phase: string): string {
  return (Object.hasOwn(texts, phase) ? texts[phase] : undefined) ?? escapeControls(phase);
}
