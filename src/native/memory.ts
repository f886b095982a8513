/**
 * Memory: what typed arrays do slowly or not at all.
 * Takes  views, also of shared memory. Gives  the platform's own copy, and large pages for memory that is used as a whole.
 * Owns   nothing. Without the addon it does the same with what JavaScript has.
 *
 * V8 copies into shared memory byte by byte where source and target do not lie alike in their words: 3 GB/s in place of 12
 * (V8's Relaxed_Memmove; bench/bytes.ts).
 */
import assert from 'node:assert';
import { loadAddon } from './load.ts';

interface NativeMemory {
  copyBytes(to: Uint8Array, at: number, from: Uint8Array): void;
  preferLargePages(bytes: Uint8Array): void;
}

/** Below this the way into the addon costs more than it saves. */
const NATIVE_BYTES_MIN = 1024;

/** `to.set(from, at)`. The two must not overlap. */
export function copyBytes(to: Uint8Array, at: number, from: Uint8Array): void {
  const native = loadAddon().addon as NativeMemory | null;
  if (native === null || from.length < NATIVE_BYTES_MIN) {
    to.set(from, at);
  } else {
    assert(at + from.length <= to.length, 'a copy fits its target');
    native.copyBytes(to, at, from);
  }
}

/** Fewer page faults for memory that will be written from end to end. To be called before its first use. */
export function preferLargePages<Memory extends ArrayBufferLike>(memory: Memory): Memory {
  const native = loadAddon().addon as NativeMemory | null;
  native?.preferLargePages(new Uint8Array(memory));
  return memory;
}
