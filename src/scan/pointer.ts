/**
 * Pointer: where in a line a value stands, as RFC 6901 says it.
 * Takes  the text of a JSON Pointer; for `locate`, a text that is known to be valid JSON.
 * Gives  its reference tokens; the range of the value's own characters, as they were written.
 * Never  builds a value: a number must keep the form in which the source wrote it.
 */
import { OptionsError } from '../base/errors.ts';

const BACKSLASH = 0x5c;

/**
 * Splits a JSON Pointer into its reference tokens, unescaped.
 * @returns [] for "", which points at the whole line.
 * @throws {OptionsError} If the text is not a pointer: it has to be empty or start with `/`, and `~` only stands in `~0` and `~1`.
 */
export function parsePointer(pointer: string): readonly string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) {
    throw new OptionsError([
      `Expected a JSON Pointer such as /user/id (~ written as ~0, / inside a name as ~1), but received ${pointer}`,
    ]);
  }
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((token) => token.toWellFormed());
}

/** Whether a token can be an array index: digits without leading zeros. */
export function isIndexToken(token: string): boolean {
  return /^(0|[1-9][0-9]*)$/.test(token);
}

/**
 * Finds a value in parsed JSON. The last of several equal names has won already, in `JSON.parse`.
 * @returns `undefined` where the pointer leads nowhere.
 */
export function resolve(value: unknown, tokens: readonly string[]): unknown {
  let at = value;
  for (const token of tokens) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (Array.isArray(at)) {
      if (!isIndexToken(token) || Number(token) >= at.length) return undefined;
      at = at[Number(token)];
    } else {
      // Own names only: `__proto__`, `constructor` and `toString` are plain names here.
      if (!Object.hasOwn(at, token)) return undefined;
      at = (at as Record<string, unknown>)[token];
    }
  }
  return at;
}

/** A range of characters. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds a value in valid JSON text, as written.
 * @param text Valid JSON: `JSON.parse` accepts it.
 * @returns `undefined` where the pointer leads nowhere.
 */
export function locate(text: string, tokens: readonly string[]): TextRange | undefined {
  let at = skipSpace(text, 0);
  for (const token of tokens) {
    const char = text[at];
    const next =
      char === '{' ? findMember(text, at, token) : char === '[' ? findElement(text, at, token) : undefined;
    if (next === undefined) return undefined;
    at = next;
  }
  return { start: at, end: skipValue(text, at) };
}

/** @param at Index of `{`. @returns Index of the value of the last member of that name. */
function findMember(text: string, at: number, name: string): number | undefined {
  let found: number | undefined;
  let cursor = skipSpace(text, at + 1);
  while (text[cursor] !== '}') {
    const nameEnd = skipString(text, cursor);
    const raw = text.slice(cursor + 1, nameEnd - 1);
    const isMatch = raw.includes('\\') ? JSON.parse(text.slice(cursor, nameEnd)) === name : raw === name;
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    if (isMatch) found = valueStart;
    cursor = skipSpace(text, skipValue(text, valueStart));
    if (text[cursor] === ',') cursor = skipSpace(text, cursor + 1);
  }
  return found;
}

/** @param at Index of `[`. @returns Index of the element. */
function findElement(text: string, at: number, token: string): number | undefined {
  if (!isIndexToken(token)) return undefined;
  let cursor = skipSpace(text, at + 1);
  for (let index = 0; text[cursor] !== ']'; index++) {
    if (index === Number(token)) return cursor;
    cursor = skipSpace(text, skipValue(text, cursor));
    if (text[cursor] === ',') cursor = skipSpace(text, cursor + 1);
  }
  return undefined;
}

function skipSpace(text: string, at: number): number {
  let cursor = at;
  while (isSpace(text.charCodeAt(cursor))) cursor++;
  return cursor;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

/** @param at Index of the opening quote. @returns Index after the closing one. */
function skipString(text: string, at: number): number {
  for (let from = at + 1; ; ) {
    const quote = text.indexOf('"', from);
    let start = quote;
    while (text.charCodeAt(start - 1) === BACKSLASH) start--;
    // Backslashes in pairs stand for themselves.
    if ((quote - start) % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

/** Skips containers by counting, so that depth costs no stack. @returns Index after the value. */
function skipValue(text: string, at: number): number {
  let depth = 0;
  let cursor = at;
  do {
    const char = text[cursor];
    if (char === '"') {
      cursor = skipString(text, cursor);
      continue;
    }
    if (char === '{' || char === '[') depth++;
    if (char === '}' || char === ']') depth--;
    cursor++;
    if (depth > 0 || char === '}' || char === ']') continue;
    while (cursor < text.length && /[^\s,\]}]/.test(text[cursor]!)) cursor++;
  } while (depth > 0);
  return cursor;
}
