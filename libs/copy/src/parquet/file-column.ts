import { fieldsAt, type CellMaker, type Cells, type Verdict } from './cells.ts';
import type { TargetSpell } from './column-cells.ts';
import type { Page } from './page-reader.ts';
import { invalid } from './parquet-fault.ts';
import type { Spell } from './value-text.ts';
import { NO_PLACES, type Values } from './values.ts';

/** What gives the entries of a column in one row group, one for each row. */
export interface PageSource {
  next(): Page | undefined;
}

const NO_CELLS: Cells = fieldsAt(Buffer.alloc(0), new Int32Array(1), undefined);

/** A column of the file on its way into rows: a window of rows that have been decoded. */
export class FileColumn {
  readonly name: string;
  /** For each row of the window the value, or -1 for NULL; the next row is at `at`. */
  index: Int32Array = NO_PLACES;
  at = 0;
  cells: Cells = NO_CELLS;
  readonly #maker: CellMaker | undefined;
  readonly #spell: TargetSpell;
  readonly #exact: Spell;
  #source: PageSource = { next: () => undefined };
  #values: Values | undefined;
  #dictionary: Values | undefined;

  /** @param maker `undefined` where the values are only spelt */
  constructor(name: string, maker: CellMaker | undefined, spell: TargetSpell, exact: Spell) {
    this.name = name;
    this.#maker = maker;
    this.#spell = spell;
    this.#exact = exact;
  }

  /** A row group begins. */
  open(source: PageSource): void {
    this.#source = source;
    this.index = NO_PLACES;
    this.at = 0;
    this.#dictionary = undefined;
  }

  /** Rows that can be taken now. @throws ParquetFault when the row group ends before its rows do */
  available(): number {
    if (this.at < this.index.length) return this.index.length - this.at;
    const page = this.#source.next();
    if (page === undefined) throw invalid('it has fewer values than its row group has rows');
    const { index, values, isDictionary } = page;
    // Fields of a dictionary are made once.
    if (!isDictionary || this.#dictionary !== values) {
      this.cells = this.#maker?.(values) ?? NO_CELLS;
      this.#dictionary = isDictionary ? values : undefined;
    }
    this.#values = values;
    this.index = index;
    this.at = 0;
    return index.length;
  }

  /** @throws ParquetFault when there are values behind the last row */
  close(): void {
    if (this.at < this.index.length || this.#source.next() !== undefined) {
      throw invalid('it has more values than its row group has rows');
    }
    this.cells = NO_CELLS;
    this.#values = this.#dictionary = undefined;
    this.index = NO_PLACES;
    this.at = 0;
  }

  /** The text of a value as it is in the file, whatever the column of the table would make of it. */
  exactText(row: number): string | null | Verdict {
    const value = this.index[this.at + row] as number;
    if (value < 0 || this.#values === undefined) return null;
    return this.#exact(this.#values, value);
  }

  /** The text of a value of the window; null for NULL, or why there is none. */
  text(row: number): string | null | Verdict {
    const value = this.index[this.at + row] as number;
    if (value < 0 || this.#values === undefined) return null;
    return this.#spell(this.#values, value);
  }
}
