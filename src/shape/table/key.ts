/**
 * Key: what a row of a lookup table is found by, as bytes.
 * Takes  a value of a record or of a row.
 * Gives  its text, equal for 42 and "42" because CSV knows texts alone; the bytes of a text.
 * Owns   which values are keys. Never rounds: an integer that a double cannot tell from its neighbour is no key.
 */

/** @returns null where the value can be no key: absent, null, an object, an array, a number that may have been another one. */
export function keyTextOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'number') return null;
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value);
  return isRounded || !Number.isFinite(value) ? null : String(value);
}

/** No character of a text takes more bytes than this for each of its UTF-16 units. */
const BYTES_PER_UNIT = 3;

/** The bytes of keys, one after the other, in one buffer. */
export class KeyBytes {
  bytes = new Uint8Array(256);
  length = 0;

  /** UTF-8, but half a surrogate pair stays what it is: two texts that differ have bytes that differ. */
  encode(text: string): void {
    if (text.length * BYTES_PER_UNIT > this.bytes.length)
      this.bytes = new Uint8Array(2 * text.length * BYTES_PER_UNIT);
    const { bytes } = this;
    let at = 0;
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code < 0x80) {
        bytes[at++] = code;
        continue;
      }
      if (code >= 0xd800 && code < 0xdc00) {
        const low = text.charCodeAt(i + 1);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          i++;
        }
      }
      if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6);
      else {
        if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12);
        else {
          bytes[at++] = 0xf0 | (code >> 18);
          bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
        }
        bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
      }
      bytes[at++] = 0x80 | (code & 0x3f);
    }
    this.length = at;
  }
}
