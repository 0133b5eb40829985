import { invalidUtf8At } from './utf8.ts';

/** The longest excerpt of a value in a message, in characters. */
const EXCERPT_CHARS = 80;

/**
 * The beginning of a value for a message: at most 80 characters, up to the end of its line, control
 * and direction-changing characters escaped, so that no terminal or log can be played with.
 */
export function excerptOf(bytes: Buffer): string {
  const lineEnd = bytes.indexOf(0x0a);
  // No character takes more than four bytes.
  const cut = bytes.subarray(0, Math.min(lineEnd < 0 ? bytes.length : lineEnd, EXCERPT_CHARS * 4));
  const text = escapeControls(decode(cut).replace(/\r$/, ''));
  return text.length <= EXCERPT_CHARS ? text : `${text.slice(0, EXCERPT_CHARS - 1)}…`;
}

/** Decodes; bytes that are not UTF-8 are shown as `\\xff`. */
function decode(bytes: Buffer): string {
  let text = '';
  let rest = bytes;
  for (;;) {
    const at = invalidUtf8At(rest, false);
    if (at < 0) return text + rest.toString('utf8').replace(/\ufffd$/, '');
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
