/**
 * Value oracle: what a framing makes of an object, the slow way: the whole text at once, a copy for each guess, `JSON.parse` as the judge.
 * It shares nothing with the cutter, the finders and the counter that are held to it.
 */

import { isJson } from '../scan/is-json.ts';

export interface Part {
  readonly kind: 'value' | 'damaged' | 'too-long' | 'no-array';
  readonly offset: number;
  readonly text: string;
}

const SPACE = /[ \t\r\n]/;
/** What a number or literal may end in front of. */
const BORDER = /[ \t\r\n{}[\]:,"]/;

/** What could stand behind a beginning so that a value comes out of it, whatever is open. */
const ENDINGS = [
  '',
  '0',
  '"',
  '1"',
  'u0000"',
  '0000"',
  '000"',
  '00"',
  '0"',
  'n"',
  'rue',
  'ue',
  'e',
  'alse',
  'lse',
  'se',
  'ull',
  'll',
  'l',
  '":0',
  '1":0',
  ':0',
  'u0000":0',
  '0000":0',
  '000":0',
  '00":0',
  '0":0',
  'n":0',
  '"":0',
];

/** Whether some valid value begins with these bytes. */
function isPrefix(text: string): boolean {
  const closers: string[] = [];
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (inString) {
      if (c === '\\') i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{') closers.unshift('}');
    else if (c === '[') closers.unshift(']');
    else if (c === '}' || c === ']') closers.shift();
  }
  const rest = closers.join('');
  return ENDINGS.some((ending) => isJson(text + ending + rest) || isJson(`${text}${ending},0${rest}`));
}

/** The value that begins at `at`, or the index of its first wrong byte; null where the text ends within it. */
function valueAt(text: string, at: number): { end: number } | { wrongAt: number } | null {
  const first = text[at]!;
  const isContainer = first === '{' || first === '[';
  for (let end = at + 1; end <= text.length; end++) {
    const part = text.slice(at, end);
    if (isContainer || first === '"') {
      if (isJson(part)) return { end };
    } else if ((end === text.length || BORDER.test(text[end]!)) && !BORDER.test(first)) {
      if (isJson(part)) return { end };
      if (!isPrefix(part)) return { wrongAt: firstWrong(part, at) };
      return end === text.length ? null : { wrongAt: end };
    }
    if (!isPrefix(part)) return { wrongAt: end - 1 };
  }
  return null;
}

function firstWrong(part: string, at: number): number {
  for (let bytes = 1; bytes <= part.length; bytes++)
    if (!isPrefix(part.slice(0, bytes))) return at + bytes - 1;
  throw new Error('nothing of it is wrong');
}

/** Behind the damage that begins at `start`, with the end of what is lost. */
function damageFrom(text: string, start: number, wrongAt: number): { lostEnd: number; next: number } {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const before = text.slice(lineStart, start);
  const indent = /^[ \t]*$/.test(before) ? before.length : 0;
  for (let newline = text.indexOf('\n', wrongAt); newline >= 0; newline = text.indexOf('\n', newline + 1)) {
    const line = /^([ \t]*)(.?)/s.exec(text.slice(newline + 1))!;
    const isRest = !'[{'.includes(line[2] || 'x') || line[1]!.length > indent;
    if (
      '[{'.includes(text[start]!) &&
      isRest &&
      newline + 1 + line[0].length <= text.length &&
      hasMore(text, newline)
    )
      continue;
    return { lostEnd: newline, next: newline + 1 };
  }
  const lastLine = text.lastIndexOf('\n');
  // White space behind the last line end is no part of it.
  const isOpen = lastLine < wrongAt || /[^ \t]/.test(text.slice(lastLine + 1));
  return { lostEnd: isOpen ? text.length : lastLine, next: text.length };
}

/** Behind this line end stands more than spaces. */
function hasMore(text: string, newline: number): boolean {
  return /[^ \t]/.test(text.slice(newline + 1));
}

function lossOf(text: string, start: number, wrongAt: number): { part: Part; next: number } {
  const { lostEnd, next } = damageFrom(text, start, wrongAt);
  const lost = text.slice(start, lostEnd);
  const isLine = lostEnd < text.length && text[lostEnd] === '\n';
  return { part: { kind: 'damaged', offset: start, text: isLine ? lost.replace(/\r$/, '') : lost }, next };
}

/** Values side by side. @param bytesMax Longer ones are not kept. */
export function partsOf(text: string, bytesMax = Number.POSITIVE_INFINITY): Part[] {
  const parts: Part[] = [];
  for (let at = text.startsWith('\xef\xbb\xbf') ? 3 : 0; at < text.length; ) {
    if (SPACE.test(text[at]!)) {
      at++;
      continue;
    }
    const found = valueAt(text, at);
    if (found !== null && 'end' in found) {
      const kind = found.end - at > bytesMax ? 'too-long' : 'value';
      parts.push({ kind, offset: at, text: text.slice(at, found.end) });
      at = found.end;
      continue;
    }
    const { part, next } = lossOf(text, at, found?.wrongAt ?? text.length);
    parts.push(part);
    at = next;
  }
  return parts;
}
