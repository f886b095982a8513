/**
 * Columns: how wide text is on a terminal, and rows of a certain width.
 * Takes  text without anything that steers a terminal (printable.ts), except the colours of our own.
 * Owns   what counts as two columns, and as none. Pure.
 */
import type { Part } from './changes.ts';

/** Scripts and signs that terminals give two columns: East Asian Wide and Fullwidth (UAX 11), and emoji that are shown as such. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
/** Marks that stand on the character before, and what is not shown at all. */
const NONE = /\p{Mn}|\p{Me}|\p{Cf}/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin our own colours.
const COLOUR = /\u001b\[\d+m/g;

export function columnsOf(text: string): number {
  let columns = 0;
  for (const char of text.replace(COLOUR, '')) columns += widthOf(char);
  return columns;
}

function widthOf(char: string): number {
  if (char >= ' ' && char <= '~') return 1;
  if (NONE.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}

/** Rows of at most so many columns, cut anywhere: lines of JSON have no better places. */
export function wrap(parts: readonly Part[], width: number): Part[][] {
  const rows: Part[][] = [];
  let row: Part[] = [];
  let left = width;
  for (const { text, isChanged } of parts) {
    let from = 0;
    let at = 0;
    for (const char of text) {
      const columns = widthOf(char);
      if (columns > left) {
        if (at > from) row.push({ text: text.slice(from, at), isChanged });
        rows.push(row);
        [row, left, from] = [[], width, at];
      }
      left -= columns;
      at += char.length;
    }
    if (at > from) row.push({ text: text.slice(from), isChanged });
  }
  if (row.length > 0) rows.push(row);
  return rows;
}
