/**
 * Frame: a record on its way through the process, with its key, its place and its hash, as bytes. The C++ twin is src/native/frame.h;
 * a test keeps them equal.
 * Owns  the layout of a frame. Pure.
 */

/**
 * | byte | type | name       | meaning                                                                                      |
 * |-----:|------|------------|----------------------------------------------------------------------------------------------|
 * |    0 | u32  | frameBytes | whole frame with header and padding, a multiple of 8                                         |
 * |    4 | u8   | kind       | FRAME_KIND                                                                                   |
 * |    5 | u8   | flags      | FRAME_FLAG                                                                                   |
 * |    6 | u16  | keyBytes   | UTF-8 bytes of the partition key                                                             |
 * |    8 | u32  | dataBytes  | bytes of the record's data                                                                   |
 * |   12 | u32  | slice      | low half: slice of the record (slices.ts); high half: which of its line's outputs it is, 0      |
 * |   16 | u64  | lineOffset | byte offset of the line's first data byte in the (decompressed) object; BEGIN and END: the task's sequence |
 * |   24 | u64  | hashHigh   | upper half of the record's 128-bit hash key (MD5 of the partition key, or the explicit one)  |
 * |   32 | u64  | hashLow    | lower half                                                                                   |
 * |   40 |      | key, data  | `keyBytes` then `dataBytes` bytes, then padding of unspecified content                       |
 *
 * All numbers little-endian. A PAD may be as short as 8 bytes: of it only frameBytes and kind mean anything.
 */
export const FRAME = {
  FRAME_BYTES: 0,
  KIND: 4,
  FLAGS: 5,
  KEY_BYTES: 6,
  DATA_BYTES: 8,
  SLICE: 12,
  LINE_OFFSET: 16,
  HASH_HIGH: 24,
  HASH_LOW: 32,
  HEADER_BYTES: 40,
} as const;

/** RECORD: a record. PAD: skip to the start of the data area. BEGIN, END: the first and last frame of a task, in order mode. */
export const FRAME_KIND = { RECORD: 1, PAD: 2, BEGIN: 3, END: 4 } as const;

/**
 * EXPLICIT_HASH_KEY: the hash key came with the record and must be sent along with it. DROPPED: read from a stream, in an aggregate
 * that its consumers drop, because not all of its hash keys are its shard's. RAW: bytes of a stage, which may be anything.
 */
export const FRAME_FLAG = { EXPLICIT_HASH_KEY: 1, DROPPED: 2, RAW: 4 } as const;

/** Size of a frame with its header and padding. */
export function frameBytes(keyBytes: number, dataBytes: number): number {
  return (FRAME.HEADER_BYTES + keyBytes + dataBytes + 7) & ~7;
}
