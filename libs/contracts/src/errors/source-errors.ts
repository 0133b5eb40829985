import { define } from './error-definition.ts';

/** Of source files. */
export const SOURCE_ERRORS = define({
  SOURCE_NOT_FOUND: {
    retry: 'never',
    meaning: 'The source file does not exist.',
    advice: 'Check the path.',
  },
  SOURCE_UNREADABLE: {
    retry: 'never',
    meaning: 'The source file cannot be opened or read.',
    advice: 'Check the permissions of the file and of its folders.',
  },
  SOURCE_NOT_A_FILE: {
    retry: 'never',
    meaning: 'The source is a directory, a pipe or a device.',
    advice: 'Copyline loads regular files: only those can be checked again before COMMIT.',
  },
  SOURCE_CHANGED: {
    retry: 'retry',
    meaning: 'The source changed while it was read; the load was rolled back.',
    advice: 'Wait until the file is complete, then run the load again.',
  },
  SOURCE_INCOMPLETE: {
    retry: 'retry',
    meaning: 'The source is, or may be, still being written.',
    advice: 'Wait until it is complete and has its final name, then run the load again.',
  },
  NO_FILES: {
    retry: 'never',
    meaning: 'A folder or pattern has no file that can be loaded.',
    advice: 'Check the path, and quote a pattern so that the shell leaves it alone.',
  },
  FILES_DIFFER: {
    retry: 'never',
    meaning: 'Files that are to be loaded together have different fields or formats.',
    advice: 'Load them apart, or leave out the one that is named.',
  },
  EMPTY_SOURCE: {
    retry: 'never',
    meaning: 'The source has zero bytes.',
    advice: 'Check the delivery, or allow it with --allow-empty.',
  },
  NOT_CSV: {
    retry: 'never',
    meaning: 'The source is neither CSV nor JSON Lines but something else; the message says what.',
    advice: 'Unpack or convert it first.',
  },
  FORMAT_UNSUITABLE: {
    retry: 'never',
    meaning: 'What was asked for has no meaning in the format of the source.',
    advice: 'Leave out what the message names, or name the format with --format.',
  },
  ARCHIVE_CORRUPT: {
    retry: 'never',
    meaning: 'A packed source is damaged, ends early, or goes on as something else.',
    advice: 'Fetch it again; `gzip -t`, `zstd -t` or `bzip2 -t` test a file.',
  },
  ARCHIVE_TOO_LARGE: {
    retry: 'never',
    meaning: 'A packed source unfolds beyond the limits.',
    advice: 'If that is right, raise --max-unpacked-size or --max-unpack-ratio.',
  },
  ARCHIVE_UNSUITABLE: {
    retry: 'never',
    meaning: 'What was asked for cannot be done with a source that is packed.',
    advice: 'Unpack it first.',
  },
  UNSUPPORTED_ENCODING: {
    retry: 'never',
    meaning: 'The source is in another encoding than it is read in.',
    advice: 'Name the encoding with --encoding, or convert the file with `iconv -t UTF-8`.',
  },
});

/** Of CSV records. */
export const RECORD_ERRORS = define({
  INVALID_UTF8: {
    retry: 'never',
    meaning: 'Bytes that are not valid UTF-8.',
    advice: 'Name the encoding that the file is in, for example with --encoding cp1252.',
  },
  INVALID_ENCODING: {
    retry: 'never',
    meaning: 'Bytes that are no character of the encoding that the source is read in.',
    advice: 'Check --encoding, or correct the bytes that the message points at.',
  },
  NUL_BYTE: {
    retry: 'never',
    meaning: 'A NUL byte, which PostgreSQL cannot store in text.',
    advice: 'Remove the byte; if there are many, the file may be UTF-16.',
  },
  UNCLOSED_QUOTE: {
    retry: 'never',
    meaning: 'A quoted field is still open at the end of the file.',
    advice: 'Close the quote that the message points at.',
  },
  TEXT_AFTER_QUOTE: {
    retry: 'never',
    meaning: 'Text between a closing quote and the next delimiter.',
    advice: 'Double the quotes inside a quoted field, or set --escape.',
  },
  QUOTE_IN_FIELD: {
    retry: 'never',
    meaning: 'A quote inside a field that does not begin with one.',
    advice: 'Quote the whole field and double the quotes inside, or set --quote.',
  },
  STRAY_LINE_END: {
    retry: 'never',
    meaning: 'A lone carriage return, or a line end unlike those of the rest of the file.',
    advice: 'Quote the field that holds it, or convert the line ends.',
  },
  FIELD_COUNT: {
    retry: 'never',
    meaning: 'A record has more or fewer fields than expected.',
    advice: 'Look for an unquoted delimiter or line end, or set --delimiter.',
  },
  RECORD_TOO_LARGE: {
    retry: 'never',
    meaning: 'A record is larger than the limit; often a quote that is never closed.',
    advice: 'Check the quote that the message points at, or raise --max-record-size.',
  },
  INVALID_JSON: {
    retry: 'never',
    meaning: 'A line of JSON Lines is not one valid JSON object.',
    advice: 'Correct the line at the place named; each line is one object.',
  },
  DUPLICATE_KEY: {
    retry: 'never',
    meaning: 'An object of JSON Lines has a key twice.',
    advice: 'Decide which value is meant, and remove the other.',
  },
  UNKNOWN_KEY: {
    retry: 'never',
    meaning: 'An object of JSON Lines has a key that is not loaded.',
    advice:
      'Add a column, name all keys with --columns, or skip such keys with --extra-columns skip.',
  },
  MISSING_KEY: {
    retry: 'never',
    meaning: 'An object of JSON Lines lacks a key that is loaded.',
    advice: 'Write null where there is no value, or let it be NULL with --missing-columns default.',
  },
  HEADER_INVALID: {
    retry: 'never',
    meaning: 'The header has an empty, doubled or too long name.',
    advice: 'Correct the header, or name the columns with --columns.',
  },
  HEADER_MISMATCH: {
    retry: 'never',
    meaning: 'The header of the file and the columns of the table disagree.',
    advice: 'Rename the columns, or give the fields’ columns by position with --columns.',
  },
});

/** Of Parquet files. */
export const PARQUET_ERRORS = define({
  NOT_PARQUET: {
    retry: 'never',
    meaning: 'The source is not a Parquet file.',
    advice: 'Check the file, or leave --format out.',
  },
  PARQUET_INVALID: {
    retry: 'never',
    meaning: 'The Parquet file is damaged, incomplete, or contradicts itself.',
    advice:
      'Have it delivered or written again; a file that is still being written looks like this, too.',
  },
  PARQUET_CHECKSUM: {
    retry: 'never',
    meaning: 'A page of the Parquet file is not what its checksum says.',
    advice: 'The file was damaged after it was written: have it delivered again.',
  },
  PARQUET_UNSUPPORTED: {
    retry: 'never',
    meaning: 'The Parquet file has a codec or an encoding that Copyline does not read.',
    advice: 'Write it again with snappy, zstd, gzip, brotli or lz4_raw, or without compression.',
  },
  PARQUET_ENCRYPTED: {
    retry: 'never',
    meaning: 'The Parquet file, or a column of it, is encrypted.',
    advice: 'Decrypt it first.',
  },
  PARQUET_TOO_LARGE: {
    retry: 'never',
    meaning: 'A part of the Parquet file would take more memory than a load may have.',
    advice: 'Write it with smaller pages: a megabyte is usual. A forged file looks like this, too.',
  },
  PARQUET_NESTED: {
    retry: 'never',
    meaning: 'A column of the Parquet file is a list, a map or a struct.',
    advice: 'Load it as JSON with --nested json, or leave it out with --skip-columns.',
  },
  PARQUET_STUCK: {
    retry: 'retry',
    meaning: 'Reading the Parquet file made no progress for minutes.',
    advice: 'Check the disk or network that the file lies on; then load again.',
  },
  COLUMN_TYPE_MISMATCH: {
    retry: 'never',
    meaning: 'A column of the Parquet file cannot become a column of the type that the table has.',
    advice:
      'Change the type of the column, load into another one with --map, or leave it out with --skip-columns.',
  },
  VALUE_LOSSY: {
    retry: 'never',
    meaning: 'A value of the Parquet file would be altered by the type of its column.',
    advice: 'Use a wider type; for times, --nanoseconds truncate cuts them off at microseconds.',
  },
});
