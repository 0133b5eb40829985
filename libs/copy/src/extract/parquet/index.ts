/** What an extract needs only for Parquet: loaded when it is wanted. */
export { openCodec } from './codec.ts';
export { footerRows } from './footer-rows.ts';
export { ParquetFile } from './parquet-file.ts';
