/**
 * Lane layout: what the bytes of a lane mean; src/record/frame.ts says what a frame is. The C++ twin is src/native/frame.h; a test keeps them equal.
 *
 * One lane = one SharedArrayBuffer = one parser thread writing and one publisher thread reading.
 *
 * | int32 cell | byte | name | only writer | meaning                                                     |
 * |-----------:|-----:|------|-------------|-------------------------------------------------------------|
 * |          0 |    0 | HEAD | parser      | bytes published since start, modulo 2^32                    |
 * |         16 |   64 | TAIL | publisher   | bytes released since start, modulo 2^32                     |
 * |         32 |  128 | END  | main        | 0 open, 1 nothing will be written any more                  |
 * |         48 |  192 | WANT | parser      | 0, or so many free bytes are waited for                     |
 * |         64 |  256 | data | parser      | `capacityBytes` (a power of two, 64 KiB to 1 GiB) of frames |
 *
 * Byte `position` of the lane's history lies at `LANE_DATA_BYTE + (position mod capacityBytes)`.
 * A byte is the parser's until HEAD passes it, then the publisher's until TAIL passes it.
 * Publish = write the whole frame, then store HEAD, then (from JavaScript) notify. In that order, nowhere else.
 * HEAD and TAIL are 64 bytes apart so that the two threads never write to one cache line.
 *
 * A frame starts on an 8-byte boundary and is contiguous. One that does not fit before the end of the data area is preceded
 * by a PAD frame that fills the area to its end; the PAD is published on its own, so that a frame larger than half the lane
 * can still be written once the reader has released the PAD. A frame is never larger than the lane.
 */
export const LANE_CELL = { HEAD: 0, TAIL: 16, END: 32, WANT: 48 } as const;
export const LANE_DATA_BYTE = 256;
export const LANE_CAPACITY_BYTES_MIN = 64 * 1024;
export const LANE_CAPACITY_BYTES_MAX = 1024 * 1024 * 1024;

/** Whole SharedArrayBuffer of a lane. @param capacityBytes A power of two, 64 KiB to 1 GiB. */
export function laneBytes(capacityBytes: number): number {
  return LANE_DATA_BYTE + capacityBytes;
}
