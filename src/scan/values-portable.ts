/** Portable values: finds values side by side in JavaScript alone, byte for byte as src/native/cut-window.h does. See values.ts. */
import { OUTPUT_COLUMNS } from './scanner.ts';
import {
  CUT_STATE,
  type CutEnd,
  type CutPlace,
  type CutState,
  type CutStop,
  VALUE_KIND,
  type ValueFinder,
  type ValueLines,
} from './values.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const NEWLINE = 0x0a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** How a value was left. `open`: it goes on behind the bytes. */
interface ValueEnd {
  readonly at: number;
  readonly outcome: 'ended' | 'open' | 'broken';
  readonly hasNewline: boolean;
}

export class PortableValues implements ValueFinder {
  find(
    bytes: Uint8Array,
    start: number,
    end: number,
    { objectOffset, isLast, state: begun }: CutPlace,
    into: ValueLines,
  ): CutEnd {
    into.count = 0;
    into.usedBytes = 0;
    let state: CutState = begun;
    const ended = (stop: CutStop, next: number): CutEnd => ({ stop, state, next });
    for (let at = start; ; ) {
      while (at < end && isSpace(bytes[at]!)) at++;
      if (at === end) return ended('more', end);
      const byte = bytes[at]!;
      if (state === CUT_STATE.BEHIND_ELEMENT && byte === COMMA) {
        state = CUT_STATE.BEHIND_COMMA;
        at++;
        continue;
      }
      if (byte === CLOSE_ARRAY && (state === CUT_STATE.BEHIND_ELEMENT || state === CUT_STATE.BEGUN))
        return ended('closed', at);
      if (state === CUT_STATE.BEHIND_ELEMENT || isClosing(byte)) return ended('stray', at);
      const value = endOfValue(bytes, at, end, isLast);
      if (value.outcome === 'open') return ended('more', at);
      if (value.outcome === 'broken') return ended('broken', at);
      if (!take(bytes, at, value, objectOffset, into)) return ended('full', at);
      if (state !== CUT_STATE.SIDE_BY_SIDE) state = CUT_STATE.BEHIND_ELEMENT;
      at = value.at;
    }
  }
}

function take(
  bytes: Uint8Array,
  start: number,
  { at: end, hasNewline }: ValueEnd,
  objectOffset: number,
  into: ValueLines,
): boolean {
  const { count, usedBytes } = into;
  if (count === into.kinds.length || usedBytes + (end - start) + 1 > into.bytes.length) return false;
  into.bytes.set(bytes.subarray(start, end), usedBytes);
  into.bytes[usedBytes + (end - start)] = NEWLINE;
  into.rows.set([usedBytes, objectOffset + start, 0], count * OUTPUT_COLUMNS);
  into.kinds[count] = hasNewline ? VALUE_KIND.LINES : VALUE_KIND.LINE;
  into.count++;
  into.usedBytes += end - start + 1;
  return true;
}

function endOfValue(bytes: Uint8Array, start: number, end: number, isLast: boolean): ValueEnd {
  const first = bytes[start]!;
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return endOfContainer(bytes, start, end);
  if (first === QUOTE) {
    const at = endOfString(bytes, start + 1, end);
    if (at < 0) return { at: end, outcome: 'open', hasNewline: false };
    return { at: at + 1, outcome: bytes[at] === QUOTE ? 'ended' : 'broken', hasNewline: false };
  }
  let at = start;
  for (let isEscaped = false; at < end; at++) {
    const byte = bytes[at]!;
    if (isSpace(byte) || isClosing(byte) || byte === OPEN_OBJECT || byte === OPEN_ARRAY) break;
    if (byte === QUOTE && !isEscaped) break;
    isEscaped = byte === BACKSLASH && !isEscaped;
  }
  return { at, outcome: at < end || isLast ? 'ended' : 'open', hasNewline: false };
}

function endOfContainer(bytes: Uint8Array, start: number, end: number): ValueEnd {
  let depth = 0;
  let hasNewline = false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      at = endOfString(bytes, at + 1, end);
      if (at < 0) break;
      if (bytes[at] === NEWLINE) return { at, outcome: 'broken', hasNewline };
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth--;
      if (depth === 0) return { at: at + 1, outcome: 'ended', hasNewline };
    } else if (byte === NEWLINE) {
      hasNewline = true;
    } else if (byte === BACKSLASH && (bytes[at + 1] === QUOTE || bytes[at + 1] === BACKSLASH)) {
      // No JSON: but what it escapes is neither a quote nor a backslash, as in the native twin.
      at++;
    }
  }
  return { at: end, outcome: 'open', hasNewline };
}

/** @returns Index of the closing quote, or of a line end before it; -1 for neither. */
function endOfString(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE || byte === NEWLINE) return at;
    if (byte === BACKSLASH && bytes[at + 1] !== NEWLINE) at++;
  }
  return -1;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09;
}

/** What stands between or behind values. */
function isClosing(byte: number): boolean {
  return byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte === COMMA || byte === COLON;
}
