import { invalidUtf8At } from './utf8.ts';

/** The longest excerpt of a value in a message, in characters. */
const EXCERPT_CHARS = 80;

/**
 * The beginning of a value for a message: at most 80 characters, up to the end of its line, control
 * and direction-changing characters escaped, so that no terminal or log can be played with.
 */
export function excerptOf(bytes: Buffer): string {
  // No character takes more than four bytes.
  const near = bytes.subarray(0, EXCERPT_CHARS * 4);
  const lineEnd = near.indexOf(0x0a);
  const line = lineEnd < 0 ? near : near.subarray(0, lineEnd);
  return shorten(escapeControls(decode(line).replace(/\r$/, '')));
}

/** Text for a message: at most 80 characters, safe to print. */
export function excerptOfText(text: string): string {
  return shorten(escapeControls(text.slice(0, EXCERPT_CHARS + 1)));
}

function shorten(text: string): string {
  if (text.length <= EXCERPT_CHARS) return text;
  // Half of a character outside the basic plane is no character.
  return `${text.slice(0, EXCERPT_CHARS - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Decodes; bytes that are not UTF-8 are shown as `\\xff`. */
function decode(bytes: Buffer): string {
  let text = '';
  let rest = bytes;
  for (;;) {
    const at = invalidUtf8At(rest, true);
    if (at < 0) return text + rest.toString('utf8');
    text += `${rest.toString('utf8', 0, at)}\\x${rest.toString('hex', at, at + 1)}`;
    rest = rest.subarray(at + 1);
  }
}

/** Text that is safe to print: controls and bidirectional overrides become escapes. */
export function escapeControls(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    if (c === '\t') return '\\t';
    if (c === '\r') return '\\r';
    if (c === '\n') return '\\n';
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
