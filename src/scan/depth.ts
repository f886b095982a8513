/**
 * Depth: how deep a line nests, counted on its bytes before anything parses it.
 * The rule, the same in both scanners: a string runs from a quote to the next quote that no backslash escapes; outside strings
 * `[` and `{` add one, `]` and `}` take one away. A line whose count ever exceeds `depthMax` is TOO_DEEP, whatever else is
 * wrong with it, unless it is not UTF-8. For valid JSON the count is the nesting.
 */

/** @returns Whether bytes[start, end) nest deeper than `depthMax`. */
export function isTooDeep(bytes: Uint8Array, start: number, end: number, depthMax: number): boolean {
  // Every level takes a byte.
  if (end - start <= depthMax) return false;
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x22) {
      at = stringEnd(bytes, at + 1, end);
    } else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      if (depth > depthMax) return true;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    }
  }
  return false;
}

/** @returns Index of the closing quote, or `end`. */
function stringEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    if (bytes[at] === 0x22) return at;
    if (bytes[at] === 0x5c) at++;
  }
  return end;
}
