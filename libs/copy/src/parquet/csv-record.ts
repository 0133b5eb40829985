/** A row as a record of CSV, for the file of rejects: a Parquet record has no bytes of its own. */
export function csvRecord(fields: readonly (string | null)[]): string {
  return `${fields.map(csvField).join(',')}\n`;
}

const PLAIN = /^[^",\r\n]+$/;

/** An empty field is NULL, so the empty text is quoted. */
function csvField(text: string | null): string {
  if (text === null) return '';
  return PLAIN.test(text) ? text : `"${text.replaceAll('"', '""')}"`;
}
