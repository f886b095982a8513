/**
 * Copy: bytes from one view to another, at the platform's own speed.
 * Owns   nothing. Without the addon it does the same with what JavaScript has.
 *
 * V8 copies into shared memory byte by byte where source and target do not lie alike in their words: 3 GB/s in place of 12
 * (V8's Relaxed_Memmove; bench/bytes.ts).
 */
import { loadAddon } from './load.ts';

interface NativeCopy {
  copyBytes(to: Uint8Array, at: number, from: Uint8Array): void;
}

/** Below this the way into the addon costs more than it saves. */
const NATIVE_BYTES_MIN = 1024;

/** `to.set(from, at)`. The two must not overlap, unless the bytes lie there already: then nothing is done. */
export function copyBytes(to: Uint8Array, at: number, from: Uint8Array): void {
  if (from.buffer === to.buffer && from.byteOffset === to.byteOffset + at) return;
  const native = loadAddon().addon as NativeCopy | null;
  if (native === null || from.length < NATIVE_BYTES_MIN) {
    to.set(from, at);
  } else {
    native.copyBytes(to, at, from);
  }
}
