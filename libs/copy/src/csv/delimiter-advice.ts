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
  const found = USUAL_DELIMITERS.find(([char]) => text.split(char).length === fieldCount);
  return found === undefined ? undefined : `Did you mean --delimiter '${found[1]}'?`;
}
