/** Delimiters that are worth a guess, with the way to write them. */
const USUAL_DELIMITERS = [
  [';', ';'],
  [',', ','],
  ['\t', '\\t'],
  ['|', '|'],
] as const;

/**
 * What to say about a record that turned out to be one field: another delimiter would have cut it
 * into as many fields as expected. `undefined` when none would.
 */
export function delimiterAdvice(text: string, fieldCount: number): string | undefined {
  if (fieldCount < 2) return undefined;
  return advice((fields) => fields === fieldCount, text);
}

/** The same for a header of one name, where nothing is known about the number of columns. */
export function likelyDelimiter(header: string): string | undefined {
  return advice((fields) => fields > 1, header);
}

function advice(fits: (fields: number) => boolean, text: string): string | undefined {
  const found = USUAL_DELIMITERS.find(([char]) => fits(text.split(char).length));
  return found === undefined ? undefined : `Did you mean --delimiter '${found[1]}'?`;
}
