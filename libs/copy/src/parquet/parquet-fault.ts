/** Codes of `@copyline/contracts` that reading a Parquet file ends with. */
export type ParquetFaultCode =
  | 'NOT_PARQUET'
  | 'PARQUET_INVALID'
  | 'PARQUET_CHECKSUM'
  | 'PARQUET_UNSUPPORTED'
  | 'PARQUET_ENCRYPTED'
  | 'PARQUET_TOO_LARGE'
  | 'PARQUET_NESTED'
  | 'SOURCE_CHANGED'
  | 'VALUE_REFUSED'
  | 'VALUE_LOSSY';

/** Where in the file it is; plain data, because it crosses threads. */
export interface ParquetPlace {
  readonly record?: number;
  readonly rowGroup?: number;
  readonly column?: string;
  readonly byteOffset?: number;
  readonly excerpt?: string;
}

/**
 * What is wrong with a file or a value of it. Not a `CopylineError`: the thread that decodes does without
 * the contracts and what they import.
 */
export class ParquetFault extends Error {
  readonly code: ParquetFaultCode;
  readonly place: ParquetPlace;
  readonly sqlstate: string | undefined;

  constructor(
    code: ParquetFaultCode,
    message: string,
    place: ParquetPlace = {},
    sqlstate?: string,
  ) {
    super(message);
    this.code = code;
    this.place = place;
    this.sqlstate = sqlstate;
  }

  /** The same fault; what is known already stays. */
  at(place: ParquetPlace): ParquetFault {
    return new ParquetFault(this.code, this.message, { ...place, ...this.place }, this.sqlstate);
  }
}

export function invalid(message: string, place?: ParquetPlace): ParquetFault {
  return new ParquetFault('PARQUET_INVALID', message, place);
}
