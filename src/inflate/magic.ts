/**
 * Magic: what the first bytes say of how a file is compressed. Names and headers are not asked: both lie.
 * Owns  the magic numbers. Gzip: RFC 1952, 2.3.1. Zstandard: RFC 8878, 3.1.1 (frame) and 3.1.2 (skippable frame).
 */

/** @param head The first bytes of the object, or all of a shorter one. No line of JSON starts like the others. */
export function formatOf(head: Uint8Array): 'plain' | 'gzip' | 'zstd' {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  const isZstdTail = head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd;
  const isSkippableTail = head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  if ((head[0] === 0x28 && isZstdTail) || ((head[0]! & 0xf0) === 0x50 && isSkippableTail)) return 'zstd';
  return 'plain';
}
