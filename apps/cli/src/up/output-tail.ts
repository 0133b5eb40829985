import { escapeControls } from '@copyline/copy';

/** Enough to see a stack trace and what came before it. */
const KEPT_LINES = 30;
/** A program that forgets its line ends must not fill our memory. */
const MAX_LINE_CHARACTERS = 4000;

/** The last lines that a program has printed, each with the program's name before it. */
export class OutputTail {
  readonly #label: string;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #lines: string[] = [];
  #unfinished = '';

  /** @param onLine told of every line at once */
  constructor(label: string, onLine?: (line: string) => void) {
    this.#label = label;
    this.#onLine = onLine;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  write(text: string): void {
    const lines = (this.#unfinished + text).split('\n');
    this.#unfinished = (lines.pop() ?? '').slice(0, MAX_LINE_CHARACTERS);
    for (const line of lines) this.#add(line);
  }

  /** What is left without a line end counts as a line. */
  end(): void {
    if (this.#unfinished !== '') this.#add(this.#unfinished);
    this.#unfinished = '';
  }

  #add(line: string): void {
    const text = escapeControls(line.replace(/\r$/, '').slice(0, MAX_LINE_CHARACTERS));
    const labelled = `${this.#label} │ ${text}`;
    this.#lines.push(labelled);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#onLine?.(labelled);
  }
}
