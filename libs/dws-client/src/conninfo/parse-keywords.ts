import { ConninfoError, quoted } from './conninfo-error.ts';
import { type GivenValues, storeValue } from './keywords.ts';

/** C's isspace. */
const BLANKS = /[ \t\n\v\f\r]*/y;
const NAME = /[^ \t\n\v\f\r=]*/y;
/** A backslash takes the next character as it is, in quotes and without; at the very end it is dropped. */
const BARE_VALUE = /(?:[^ \t\n\v\f\r\\]|\\[^]?)*/y;
const QUOTED_VALUE = /'((?:[^'\\]|\\[^])*)'/y;

/**
 * Reads `keyword=value` pairs; of several with the same keyword the last one counts.
 * Source: PostgreSQL documentation, "Keyword/Value Connection Strings".
 */
export function parseKeywords(text: string): GivenValues {
  const values: GivenValues = new Map();
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    at += match?.[0].length ?? 0;
    return match;
  };
  for (take(BLANKS); at < text.length; take(BLANKS)) {
    const name = take(NAME)?.[0] ?? '';
    take(BLANKS);
    if (text[at] !== '=') {
      throw new ConninfoError(`missing "=" after ${quoted(name, text)} in connection info string`, {
        advice: 'Quote values that have blanks.',
      });
    }
    at += 1;
    take(BLANKS);
    const raw = text[at] === "'" ? take(QUOTED_VALUE)?.[1] : take(BARE_VALUE)?.[0];
    if (raw === undefined) {
      throw new ConninfoError('unterminated quoted string in connection info string');
    }
    if (!storeValue(values, name, raw.replace(/\\([^]?)/g, '$1'))) {
      throw new ConninfoError(`invalid connection option ${quoted(name, text)}`);
    }
  }
  return values;
}
