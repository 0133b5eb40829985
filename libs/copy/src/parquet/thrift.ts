import { invalid } from './parquet-fault.ts';

/** Types of Thrift's compact protocol. Source: apache/thrift, doc/specs/thrift-compact-protocol.md. */
export const TRUE = 1;
export const FALSE = 2;
const BYTE = 3;
const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const MAP = 11;
const STRUCT = 12;

/** Deeper than any structure of the format, which ends at seven or so. */
const MAX_DEPTH = 32;
const MAX_VARINT_BYTES = 10;
const SIX_BITS_SAFE = 28;

/**
 * Reads structures of a footer or a page header, which may be forged: every length is held against
 * the bytes that are there before anything is made of it.
 */
export class ThriftReader {
  at: number;
  readonly #bytes: Buffer;
  readonly #end: number;
  #depth = 0;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  /** @param onField reads the value of a field, or leaves it: then it is skipped */
  struct(onField: (id: number, type: number) => void): void {
    this.#enter();
    for (let id = 0; ;) {
      const head = this.#byte();
      const type = head & 0x0f;
      if (type === 0) break;
      id = head >>> 4 === 0 ? this.int() : id + (head >>> 4);
      const before = this.at;
      onField(id, type);
      if (this.at === before && type !== TRUE && type !== FALSE) this.#skip(type);
    }
    this.#depth -= 1;
  }

  /** @returns the number of elements, each of which is read by the caller */
  list(type: number): number {
    const { size, elementType } = this.#listHead();
    if (elementType !== type && size > 0) throw invalid('a list holds another type than expected');
    return size;
  }

  structs(onStruct: () => void): void {
    for (let left = this.list(STRUCT); left > 0; left -= 1) onStruct();
  }

  strings(): string[] {
    return Array.from({ length: this.list(BINARY) }, () => this.string());
  }

  string(): string {
    const length = this.#length();
    this.at += length;
    return this.#bytes.toString('utf8', this.at - length, this.at);
  }

  /** A whole number of any size. @throws ParquetFault for one that no double holds exactly */
  int(): number {
    let low = 0;
    let shift = 0;
    for (; shift < SIX_BITS_SAFE; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let value = low;
    for (let read = 4; read < MAX_VARINT_BYTES; read += 1, shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (value > Number.MAX_SAFE_INTEGER) throw invalid('a number is out of range');
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw invalid('a number has too many bytes');
  }

  /** A signed byte. */
  byte(): number {
    return (this.#byte() << 24) >> 24;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw invalid('a structure is nested too deeply');
  }

  #listHead(): { size: number; elementType: number } {
    const head = this.#byte();
    const elementType = head & 0x0f;
    const size = head >>> 4 === 15 ? this.#count() : head >>> 4;
    // Every element has a byte at least.
    if (size > this.#end - this.at) throw invalid('a list is longer than what holds it');
    return { size, elementType };
  }

  #length(): number {
    const length = this.#count();
    if (length > this.#end - this.at) throw invalid('a text is longer than what holds it');
    return length;
  }

  /** An unsigned number of at most 32 bits. */
  #count(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw invalid('a length has too many bytes');
  }

  #byte(): number {
    if (this.at >= this.#end) throw new ThriftEnd();
    const byte = this.#bytes[this.at] as number;
    this.at += 1;
    return byte;
  }

  #skip(type: number): void {
    if (type > BYTE && type <= I64) this.#varint();
    else if (type === BYTE) this.#byte();
    else if (type === DOUBLE) this.#jump(8);
    else if (type === BINARY) this.#jump(this.#length());
    else if (type === STRUCT) this.struct(() => undefined);
    else if (type === LIST || type === SET) {
      this.#enter();
      const { size, elementType } = this.#listHead();
      for (let i = 0; i < size; i += 1) this.#skipElement(elementType);
      this.#depth -= 1;
    } else if (type === MAP) throw invalid('a structure has a map');
    else throw invalid('a structure has an unknown type');
  }

  #skipElement(type: number): void {
    if (type === TRUE || type === FALSE) this.#byte();
    else this.#skip(type);
  }

  /** Passes over a number that may be any 64 bits. */
  #varint(): void {
    for (let read = 0; read < MAX_VARINT_BYTES; read += 1) if (this.#byte() < 0x80) return;
    throw invalid('a number has too many bytes');
  }

  #jump(bytes: number): void {
    if (bytes > this.#end - this.at) throw new ThriftEnd();
    this.at += bytes;
  }
}

/** The bytes end before the structure does. */
export class ThriftEnd extends Error {}
