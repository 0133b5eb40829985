/**
 * Text that a database can hold, whatever is in it: one of another encoding than UTF-8 may not have all
 * characters, and gets them as `\u201c`. Always the same for the same text, so it can be looked for.
 *
 * @param encoding `server_encoding`
 */
export function storableText(text: string, encoding: string): string {
  if (encoding === 'UTF8') return text;
  return text.replace(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** JSON whose texts are such. */
export function storableJson(document: object, encoding: string): string {
  return JSON.stringify(document, (_, value: unknown) =>
    typeof value === 'string' ? storableText(value, encoding) : value,
  );
}
