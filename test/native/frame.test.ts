import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { FRAME, FRAME_FLAG, FRAME_KIND } from '../../src/record/frame.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../../src/ring/layout.ts';

const { addon } = loadAddon();

describe.skipIf(!addon)('src/native/frame.h (skipped where there is no addon)', () => {
  it('has the numbers of src/ring/layout.ts', () => {
    expect((addon!.laneConstants as () => number[])()).toEqual([
      LANE_CELL.HEAD,
      LANE_CELL.TAIL,
      LANE_CELL.END,
      LANE_DATA_BYTE,
      FRAME.FRAME_BYTES,
      FRAME.KIND,
      FRAME.FLAGS,
      FRAME.KEY_BYTES,
      FRAME.DATA_BYTES,
      FRAME.SLICE,
      FRAME.LINE_OFFSET,
      FRAME.HASH_HIGH,
      FRAME.HASH_LOW,
      FRAME.HEADER_BYTES,
      FRAME_KIND.RECORD,
      FRAME_KIND.PAD,
      FRAME_KIND.BEGIN,
      FRAME_KIND.END,
      FRAME_FLAG.EXPLICIT_HASH_KEY,
      FRAME_FLAG.DROPPED,
    ]);
  });
});
