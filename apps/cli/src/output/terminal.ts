import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Where a command writes: results to stdout, everything else to stderr. */
export class Terminal {
  readonly options: OutputOptions;

  constructor(options: OutputOptions) {
    this.options = options;
  }

  /** A result for people. With `--json` there is none: the JSON is the result. */
  result(text: string): void {
    if (!this.options.json && !this.options.quiet) process.stdout.write(`${text}\n`);
  }

  /** The one JSON document of the run; the last thing on stdout. */
  json(document: unknown): void {
    if (!this.options.json) return;
    const text = JSON.stringify(document, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    process.stdout.write(`${text}\n`);
  }

  note(text: string): void {
    if (!this.options.quiet) process.stderr.write(`${text}\n`);
  }

  warn(text: string): void {
    if (!this.options.quiet) process.stderr.write(`${colour('yellow', 'warning')} ${text}\n`);
  }

  error(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}

/** Colours where a person looks at a terminal and has not asked for none. */
export function colour(style: Style, text: string): string {
  const isPlain =
    process.env['NO_COLOR'] !== undefined || !(process.stdout.isTTY && process.stderr.isTTY);
  return isPlain ? text : styleText(style, text);
}
