/**
 * Printable: text that somebody else wrote, as a terminal may show it.
 * Takes  object keys, names of streams and files, what services and files say.
 * Gives  the same text with everything escaped that is not a visible character: control characters, which steer a terminal, line ends, which
 *        make one line look like two, and marks that turn the direction of text around. Escapes are those of JSON, so that JSON stays the
 *        same document.
 */

/** C0, DEL and C1; line and paragraph separators; marks, embeddings, overrides and isolates of direction; the byte order mark. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One line. */
export function printable(text: string): string {
  return text.replace(
    UNSEEN,
    (char) => SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Lines that are ours, with words in them that may not be. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
