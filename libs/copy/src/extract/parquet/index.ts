export { openCodec } from './codec.ts';
export { ParquetFile } from './parquet-file.ts';
export { footerRows } from './footer-rows.ts';
