import { encoderFor, type FieldEncoder } from '../encode/index.ts';
import { RowIndex } from '../lanes/row-index.ts';
import { ASKED, LOSSY } from './cells.ts';
import type { Unpack } from './codecs.ts';
import { cellMaker, targetSpelling } from './column-cells.ts';
import { csvRecord } from './csv-record.ts';
import type { DecodedPiece, DecodedReject, DecodePlan } from './decode-plan.ts';
import { FileColumn, type PageSource } from './file-column.ts';
import type { RowGroup } from './footer.ts';
import { NESTED_LEAF, NestedReader } from './nested-reader.ts';
import { PageReader } from './page-reader.ts';
import { invalid, ParquetFault } from './parquet-fault.ts';
import { escapeText, RowMaker, type RowFault, type SetCell } from './row-maker.ts';
import { leavesOf, type Leaf, type SchemaNode } from './schema.ts';
import { kindText, spellingOf } from './value-text.ts';

/** Rows looked at together: what the server shall judge one value of goes to it as text. */
const BATCH_ROWS = 4096;
/** A piece is sent when it has so many bytes. */
const PIECE_BYTES = 256 * 1024;
const EXCERPT_CHARACTERS = 80;

/**
 * Makes rows of a file, piece by piece, one page of each column in memory.
 *
 * @param spare gives memory of pieces that are done with, for the next ones
 * @throws ParquetFault with row group, column, record
 */
export function* decodeRows(
  fd: number,
  plan: DecodePlan,
  codecs: ReadonlyMap<number, Unpack>,
  spare: () => ArrayBuffer | undefined,
): Generator<DecodedPiece, void, undefined> {
  const decoder = new RowDecoder(fd, plan, codecs);
  for (const [g, group] of plan.footer.groups.entries()) {
    decoder.open(g, group);
    while (decoder.rowsLeft > 0) {
      const { rows, form } = decoder.window();
      if (decoder.mustFlush(form)) yield decoder.take(spare());
      decoder.add(rows, form);
      if (decoder.isFull) yield decoder.take(spare());
    }
    decoder.close();
  }
  if (!decoder.isEmpty) yield decoder.take(spare());
}

class RowDecoder {
  rowsLeft = 0;
  readonly #fd: number;
  readonly #plan: DecodePlan;
  readonly #codecs: ReadonlyMap<number, Unpack>;
  readonly #columns: readonly FileColumn[];
  readonly #kinds: readonly string[];
  readonly #maker: RowMaker;
  #group = 0;
  #record = 0;
  #form: DecodedPiece['form'];
  #rows = 0;
  #recordsBefore = 0;
  #index: RowIndex | undefined;
  #source: Buffer[] = [];
  #sourceBytes = 0;
  #rejects: DecodedReject[] = [];

  constructor(fd: number, plan: DecodePlan, codecs: ReadonlyMap<number, Unpack>) {
    this.#fd = fd;
    this.#plan = plan;
    this.#codecs = codecs;
    const { session, isBinary } = plan;
    this.#columns = plan.columns.map(({ field, name, target }) => {
      const leaf = leafOf(plan.footer.columns[field]);
      const maker = isBinary ? cellMaker(leaf, target, session, plan) : undefined;
      return new FileColumn(name, maker, targetSpelling(leaf, target, plan), spellingOf(leaf));
    });
    this.#kinds = plan.columns.map(({ field }) =>
      kindText(leafOf(plan.footer.columns[field]).kind),
    );
    this.#maker = new RowMaker(this.#columns, setCells(plan));
    this.#form = isBinary ? 'binary' : 'text';
    this.#index = plan.keepsRejects ? new RowIndex() : undefined;
  }

  get isFull(): boolean {
    return this.#maker.at >= PIECE_BYTES || this.#sourceBytes >= PIECE_BYTES;
  }

  get isEmpty(): boolean {
    return this.#record === this.#recordsBefore;
  }

  mustFlush(form: DecodedPiece['form']): boolean {
    return this.#rows > 0 && form !== this.#form;
  }

  open(index: number, group: RowGroup): void {
    this.#group = index;
    this.rowsLeft = group.rows;
    if (group.rows === 0) return;
    for (const [c, { field }] of this.#plan.columns.entries()) {
      const node = this.#plan.footer.columns[field];
      if (node === undefined) throw new TypeError('no such column');
      this.#placed(c, () => {
        (this.#columns[c] as FileColumn).open(this.#sourceOf(node, group));
      });
    }
  }

  close(): void {
    if (this.#plan.footer.groups[this.#group]?.rows === 0) return;
    for (const [c, column] of this.#columns.entries()) {
      this.#placed(c, () => {
        column.close();
      });
    }
  }

  /** The next rows that all columns have, and the form that they can be sent in. */
  window(): { readonly rows: number; readonly form: DecodedPiece['form'] } {
    let rows = Math.min(this.rowsLeft, BATCH_ROWS);
    for (const [c, column] of this.#columns.entries()) {
      rows = Math.min(
        rows,
        this.#placed(c, () => column.available()),
      );
    }
    if (!this.#plan.isBinary || !this.#maker.recordFits(this.#record + rows)) {
      return { rows, form: 'text' };
    }
    if (this.#columns.some(({ cells }) => cells.verdicts !== undefined)) {
      for (let row = 0; row < rows; row += 1) {
        if (this.#maker.faultOf(row)?.verdict === ASKED) return { rows, form: 'text' };
      }
    }
    return { rows, form: 'binary' };
  }

  add(rows: number, form: DecodedPiece['form']): void {
    this.#form = form;
    const hasFaults = this.#columns.some(({ cells }) => cells.verdicts !== undefined);
    if (form === 'binary' && !hasFaults && this.#index === undefined) {
      this.#maker.addBinary(0, rows, this.#record + 1);
      this.#rows += rows;
    } else {
      for (let row = 0; row < rows; row += 1) this.#addRow(row, form);
    }
    for (const column of this.#columns) column.at += rows;
    this.#record += rows;
    this.rowsLeft -= rows;
  }

  take(spare: ArrayBuffer | undefined): DecodedPiece {
    const source = Buffer.concat(this.#source);
    const piece: DecodedPiece = {
      form: this.#form,
      bytes: this.#maker.take(spare),
      rows: this.#rows,
      recordsBefore: this.#recordsBefore,
      recordsDone: this.#record,
      index: this.#index?.numbers(),
      source,
      rejects: this.#rejects,
    };
    this.#rows = 0;
    this.#recordsBefore = this.#record;
    this.#index = this.#index && new RowIndex();
    this.#source = [];
    this.#sourceBytes = 0;
    this.#rejects = [];
    return piece;
  }

  #addRow(row: number, form: DecodedPiece['form']): void {
    const record = this.#record + row + 1;
    // What is asked is in the text form; what is refused there is refused by the spelling, too.
    const known = this.#plan.isBinary ? this.#maker.faultOf(row) : undefined;
    let fault = known?.verdict === ASKED ? undefined : known;
    if (fault === undefined) {
      if (form === 'text') fault = this.#maker.addText(row, record);
      else this.#maker.addBinary(row, row + 1, record);
    }
    if (fault !== undefined) {
      this.#refuse(row, record, fault);
      return;
    }
    this.#rows += 1;
    if (this.#index === undefined) return;
    const raw = Buffer.from(this.#csv(row).text);
    const { at } = this.#maker;
    const start = this.#sourceBytes;
    this.#source.push(raw);
    this.#sourceBytes += raw.length;
    this.#index.add(at, at, start, this.#sourceBytes, record - this.#recordsBefore, 0);
  }

  #refuse(row: number, record: number, { column, verdict }: RowFault): void {
    const { name } = this.#columns[column] as FileColumn;
    const text = this.#columns[column]?.exactText(row);
    const value = typeof text === 'string' ? text : '';
    const what = this.#kinds[column] ?? '';
    const { text: raw, isWhole } = this.#csv(row);
    const isLossy = verdict === LOSSY;
    const reason = isLossy
      ? `the ${what} would be altered by the column’s type`
      : `the ${what} is no value of the column’s type`;
    const reject: DecodedReject = {
      ...{ record, column: name },
      code: isLossy ? 'VALUE_LOSSY' : 'VALUE_REFUSED',
      sqlstate: '22003',
      reason: value === '' ? reason : `${value.slice(0, EXCERPT_CHARACTERS)}: ${reason}`,
      excerpt: value.slice(0, EXCERPT_CHARACTERS),
      raw: Buffer.from(raw),
      isWhole,
    };
    if (!this.#plan.keepsRejects) {
      const { code, sqlstate, excerpt } = reject;
      throw new ParquetFault(
        code,
        reject.reason,
        { record, rowGroup: this.#group, column: name, excerpt },
        sqlstate,
      );
    }
    this.#rejects.push(reject);
  }

  /** The row with all columns of the file, empty where they are not loaded. */
  #csv(row: number): { readonly text: string; readonly isWhole: boolean } {
    const fields = this.#plan.footer.columns.map((): string | null => null);
    let isWhole = true;
    for (const [c, { field }] of this.#plan.columns.entries()) {
      const text = this.#columns[c]?.exactText(row) ?? null;
      if (typeof text === 'number') isWhole = false;
      else fields[field] = text;
    }
    return { text: csvRecord(fields), isWhole };
  }

  #sourceOf(node: SchemaNode, group: RowGroup): PageSource {
    const readers = leavesOf([node]).map((leafNode) => {
      const place = group.chunks[leafNode.leaf?.index ?? -1];
      const unpack = this.#codecs.get(place?.codec ?? -1);
      if (leafNode.leaf === undefined || place === undefined || unpack === undefined) {
        throw new TypeError('no such chunk');
      }
      if (leafNode.maxRepetition === 0 && place.values !== group.rows) {
        throw invalid(
          `it has ${String(place.values)} values, its row group ${String(group.rows)} rows`,
        );
      }
      return new PageReader(this.#fd, leafNode, leafNode.leaf, place, unpack);
    });
    const [only] = readers;
    if (node.leaf !== undefined && node.repetition !== 'repeated' && only !== undefined)
      return only;
    return new NestedReader(node, readers);
  }

  #placed<T>(column: number, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ParquetFault)) throw error;
      const { name } = this.#columns[column] as FileColumn;
      throw error.at({ rowGroup: this.#group, column: name });
    }
  }
}

/** The column as one of flat values; a nested one is one of documents. */
function leafOf(node: SchemaNode | undefined): Leaf {
  if (node === undefined) throw new TypeError('no such column');
  return node.leaf === undefined || node.repetition === 'repeated' ? NESTED_LEAF : node.leaf;
}

function setCells({ set, session }: DecodePlan): SetCell[] {
  return set.map((value) => {
    if (value.kind === 'value') {
      return {
        cell: value.cell && Buffer.from(value.cell),
        text: Buffer.from(value.text === null ? '\\N' : escapeText(value.text)),
      };
    }
    const encoder: FieldEncoder | undefined = encoderFor(value.target, session);
    return { encoder };
  });
}
