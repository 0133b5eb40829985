/** A line without a single byte. */
export interface BlankLine {
  readonly line: number;
  readonly byteOffset: number;
  /** Of its line end. */
  readonly bytes: number;
}

interface Run extends BlankLine {
  count: number;
}

/** Blank lines that may turn out to stand between records; any number of them, as runs of equal ones. */
export class BlankLines {
  readonly #runs: Run[] = [];

  get first(): BlankLine | undefined {
    return this.#runs[0];
  }

  add(line: number, byteOffset: number, bytes: number): void {
    const last = this.#runs.at(-1);
    if (last?.bytes === bytes && last.line + last.count === line) last.count += 1;
    else this.#runs.push({ line, byteOffset, bytes, count: 1 });
  }

  *[Symbol.iterator](): Generator<BlankLine, void, undefined> {
    for (const { line, byteOffset, bytes, count } of this.#runs) {
      for (let i = 0; i < count; i += 1) {
        yield { line: line + i, byteOffset: byteOffset + i * bytes, bytes };
      }
    }
  }
}
