import { CopylineError } from '@copyline/contracts';

import { BINARY_HEADER, BINARY_TRAILER } from '../../lanes/binary-rows.ts';

/** Takes what is not rows out of the answer to a COPY … (FORMAT binary): its beginning and its end. */
export class BinaryFrame {
  rows = 0;
  #hasBegun = false;

  /**
   * @param piece whole messages, which end at `ends`; the beginning comes with the first of them,
   *   the end is one of its own, or the first where there are no rows
   * @returns the rows in it, and where they end
   */
  rowsOf(piece: Buffer, ends: readonly number[]): { bytes: Buffer; rowEnds: readonly number[] } {
    let bytes = piece;
    let rowEnds = ends;
    if (!this.#hasBegun) {
      const { length } = BINARY_HEADER;
      // Flags and extensions are there for later versions: who does not know them must not go on.
      if (!piece.subarray(0, length).equals(BINARY_HEADER)) {
        throw new CopylineError('INTERNAL', 'The server sends another binary form of COPY');
      }
      this.#hasBegun = true;
      bytes = piece.subarray(length);
      rowEnds = ends.map((end) => end - length);
    }
    const last = rowEnds.at(-2) ?? 0;
    if (bytes.subarray(last).equals(BINARY_TRAILER)) {
      bytes = bytes.subarray(0, last);
      rowEnds = rowEnds.slice(0, -1);
    }
    this.rows += rowEnds.length;
    return { bytes, rowEnds };
  }
}
