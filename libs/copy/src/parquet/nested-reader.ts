import type { Page, PageReader } from './page-reader.ts';
import { invalid, ParquetFault } from './parquet-fault.ts';
import type { Leaf, SchemaNode } from './schema.ts';
import { spellingOf, type Spell } from './value-text.ts';

/** Rows of a column that are made into documents together. */
const ROWS = 512;
/** A document is at most what a jsonb may be, and fits a string. */
const MAX_DOCUMENT_CHARACTERS = 255 * 1024 * 1024;

/** What a nested column is to who asks for flat ones. */
export const NESTED_LEAF: Leaf = {
  ...{ index: -1, physical: 'BYTE_ARRAY', width: 0, kind: { kind: 'json' } },
};

/**
 * A nested column as one of JSON documents: lists are arrays, structs objects, maps objects whose keys are
 * the texts of the keys.
 *
 * Definition levels say how much of the path to a value is there, repetition levels where a list goes on.
 * Source: apache/parquet-format, README, "Nested Encoding", and LogicalTypes.md.
 */
export class NestedReader {
  readonly #node: SchemaNode;
  readonly #leaves: readonly LeafCursor[];
  /** The first of those below a node. */
  readonly #first = new Map<SchemaNode, LeafCursor>();

  constructor(node: SchemaNode, readers: readonly PageReader[]) {
    this.#node = node;
    const nodes: SchemaNode[] = [];
    const collect = (each: SchemaNode): void => {
      const before = nodes.length;
      if (each.leaf !== undefined) nodes.push(each);
      each.children.forEach(collect);
      firsts.push([each, before]);
    };
    const firsts: [SchemaNode, number][] = [];
    collect(node);
    this.#leaves = readers.map((reader, i) => new LeafCursor(nodes[i] as SchemaNode, reader));
    for (const [each, i] of firsts) {
      const cursor = this.#leaves[i];
      if (cursor === undefined) throw invalid('a group has no columns');
      this.#first.set(each, cursor);
    }
  }

  next(): Page | undefined {
    const documents: string[] = [];
    const index: number[] = [];
    let characters = 0;
    const cursor = this.#first.get(this.#node);
    while (
      index.length < ROWS &&
      characters < MAX_DOCUMENT_CHARACTERS / 16 &&
      cursor?.has() === true
    ) {
      if (cursor.repetition !== 0) throw invalid('a row begins inside of a list');
      const document = this.#value(this.#node);
      if (document === 'null') {
        index.push(-1);
        continue;
      }
      if (document.length > MAX_DOCUMENT_CHARACTERS) {
        throw new ParquetFault('PARQUET_TOO_LARGE', 'A nested value is too large for a document');
      }
      characters += document.length;
      index.push(documents.length);
      documents.push(document);
    }
    if (index.length === 0) {
      if (this.#leaves.some((leaf) => leaf.has()))
        throw invalid('its parts have different lengths');
      return undefined;
    }
    return pageOf(documents, index);
  }

  /** The value of a node at the place where the cursors are; they are behind it then. */
  #value(node: SchemaNode): string {
    const cursor = this.#first.get(node);
    if (cursor === undefined) throw new TypeError('a node without leaves');
    if (node.repetition === 'repeated') return this.#repeated(node, (each) => this.#content(each));
    if (node.repetition === 'optional' && cursor.definition < node.maxDefinition) {
      this.#skip(node);
      return 'null';
    }
    return this.#content(node);
  }

  #content(node: SchemaNode): string {
    if (node.leaf !== undefined) return (this.#first.get(node) as LeafCursor).take();
    const [only, ...others] = node.children;
    if (only?.repetition === 'repeated' && others.length === 0) {
      if (node.group === 'map' && only.children.length === 2) return this.#map(only);
      if (node.group === 'list') return this.#repeated(only, (each) => this.#element(node, each));
    }
    const members = node.children.map(
      (child) => `${JSON.stringify(child.name)}:${this.#value(child)}`,
    );
    return `{${members.join(',')}}`;
  }

  /**
   * What an entry of a list is: the only child of the repeated group, unless the group is the element
   * itself, as older writers have it. Source: LogicalTypes.md, "Backward-compatibility rules".
   */
  #element(list: SchemaNode, repeated: SchemaNode): string {
    const [only, ...others] = repeated.children;
    const isElement =
      only === undefined ||
      others.length > 0 ||
      repeated.name === 'array' ||
      repeated.name === `${list.name}_tuple`;
    return isElement ? this.#content(repeated) : this.#value(only);
  }

  #repeated(node: SchemaNode, element: (node: SchemaNode) => string): string {
    const cursor = this.#first.get(node) as LeafCursor;
    if (cursor.definition < node.maxDefinition) {
      this.#skip(node);
      return '[]';
    }
    const entries: string[] = [];
    do entries.push(element(node));
    while (cursor.has() && cursor.repetition === node.maxRepetition);
    return `[${entries.join(',')}]`;
  }

  #map(entries: SchemaNode): string {
    const [key, value] = entries.children as [SchemaNode, SchemaNode];
    const cursor = this.#first.get(entries) as LeafCursor;
    if (cursor.definition < entries.maxDefinition) {
      this.#skip(entries);
      return '{}';
    }
    const members: string[] = [];
    do {
      const name = this.#value(key);
      const text = name.startsWith('"') ? name : JSON.stringify(name);
      members.push(`${text}:${this.#value(value)}`);
    } while (cursor.has() && cursor.repetition === entries.maxRepetition);
    return `{${members.join(',')}}`;
  }

  /** Every column below a node that is not there has one entry that says so. */
  #skip(node: SchemaNode): void {
    if (node.leaf !== undefined) (this.#first.get(node) as LeafCursor).skip();
    else for (const child of node.children) this.#skip(child);
  }
}

/** Goes through the entries of one column. */
class LeafCursor {
  definition = 0;
  repetition = 0;
  readonly #node: SchemaNode;
  readonly #reader: PageReader;
  readonly #spell: Spell;
  readonly #isQuoted: boolean;
  #page: Page | undefined;
  #at = 0;

  constructor(node: SchemaNode, reader: PageReader) {
    this.#node = node;
    this.#reader = reader;
    const { leaf } = node;
    if (leaf === undefined) throw new TypeError('a node without values');
    this.#spell = spellingOf(leaf);
    const { kind } = leaf.kind;
    this.#isQuoted = !['bool', 'int', 'decimal', 'float', 'double', 'float16', 'null'].includes(
      kind,
    );
    this.#load();
  }

  has(): boolean {
    return this.#page !== undefined;
  }

  take(): string {
    const page = this.#page;
    const value = page?.index[this.#at] ?? -1;
    if (page === undefined || this.definition !== this.#node.maxDefinition || value < 0) {
      throw invalid('its levels contradict each other');
    }
    const text = this.#spell(page.values, value);
    this.#advance();
    if (typeof text !== 'string') throw invalid('a text of it is not UTF-8');
    // JSON has no NaN and no infinity.
    return this.#isQuoted || (!/^-?\d/.test(text) && text !== 'true' && text !== 'false')
      ? JSON.stringify(text)
      : text;
  }

  skip(): void {
    if (this.#page === undefined) throw invalid('its parts have different lengths');
    this.#advance();
  }

  #advance(): void {
    this.#at += 1;
    this.#load();
  }

  #load(): void {
    if (this.#page === undefined || this.#at >= this.#page.count) {
      this.#page = this.#reader.next();
      this.#at = 0;
    }
    const page = this.#page;
    if (page === undefined) return;
    const present = (page.index[this.#at] as number) >= 0;
    this.definition = page.definitions?.[this.#at] ?? (present ? this.#node.maxDefinition : 0);
    this.repetition = page.repetitions?.[this.#at] ?? 0;
  }
}

function pageOf(documents: readonly string[], index: readonly number[]): Page {
  const bytes = Buffer.from(documents.join(''));
  const starts = new Int32Array(documents.length);
  const ends = new Int32Array(documents.length);
  let at = 0;
  for (const [i, document] of documents.entries()) {
    starts[i] = at;
    at += Buffer.byteLength(document);
    ends[i] = at;
  }
  return {
    count: index.length,
    index: Int32Array.from(index),
    values: { count: documents.length, bytes, base: 0, width: 0, starts, ends },
    ...{ isDictionary: false, definitions: undefined, repetitions: undefined },
  };
}
