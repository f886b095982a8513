/** One table of what C++ and TypeScript must agree on: src/native/constants.h, here beside the places where TypeScript says it. */
import { describe, expect, it } from 'vitest';
import { KINESIS, KPL } from '../../src/base/limits.ts';
import { BUCKET_BYTES, DIGEST_STATE } from '../../src/digest/digest-portable.ts';
import { STATUS, STEP } from '../../src/native/inflate.ts';
import { loadAddon } from '../../src/native/load.ts';
import { SHARD_ROW } from '../../src/publish/codec.ts';
import { DRAIN_STATUS } from '../../src/publish/codec-native.ts';
import { BATCH_FORM } from '../../src/publish/entries.ts';
import { ENTRY_BYTES_MAX, ESCAPE_BYTES_MAX, SURROUND_BYTES_MAX } from '../../src/publish/kinesis/body.ts';
import { TEXT } from '../../src/publish/kinesis/put-codec-native.ts';
import { VERDICT } from '../../src/publish/sink.ts';
import { FRAME, FRAME_FLAG, FRAME_KIND } from '../../src/record/frame.ts';
import { LANE_CAPACITY_BYTES_MAX, LANE_CELL, LANE_DATA_BYTE } from '../../src/ring/layout.ts';
import { SLICE_MASK } from '../../src/ring/slices.ts';
import { LINE, TEXT as TEXT_CELL } from '../../src/scan/line-text.ts';
import { CODES, KEY_CHARS_MAX, REJECT_COLUMNS, ROWS, RULE, STATUSES, SUM } from '../../src/scan/native.ts';
import { OUTPUT_COLUMNS } from '../../src/scan/scanner.ts';
import { STAGE_TIME } from '../../src/scan/shaper.ts';
import { CUT_STATE, CUT_STOPS, VALUE_KIND } from '../../src/scan/values.ts';
import { CUT_SUM } from '../../src/scan/values-native.ts';
import { PARTS } from '../../src/stream/answer.ts';
import { CURSOR, INDEX, OUTLINE } from '../../src/stream/answer-native.ts';

const { addon } = loadAddon();

type Numbers = Readonly<Record<string, number>>;

/** C++ has one name where TypeScript has a table and its member. */
const under = (prefix: string, members: Numbers): Numbers =>
  Object.fromEntries(Object.entries(members).map(([name, value]) => [`${prefix}_${name}`, value]));

/** Words whose place in a list is their number. */
const listed = (prefix: string, words: readonly string[]): Numbers =>
  Object.fromEntries(words.map((word, i) => [`${prefix}_${word.toUpperCase().replaceAll('-', '_')}`, i]));

const CELL_BYTES = Int32Array.BYTES_PER_ELEMENT;

describe.skipIf(!addon)('src/native/constants.h (skipped where there is no addon)', () => {
  it('has the numbers of TypeScript, each of them and no others', () => {
    expect((addon!.constants as () => Numbers)()).toEqual({
      LANE_HEAD_BYTE: LANE_CELL.HEAD * CELL_BYTES,
      LANE_TAIL_BYTE: LANE_CELL.TAIL * CELL_BYTES,
      LANE_END_BYTE: LANE_CELL.END * CELL_BYTES,
      LANE_DATA_BYTE,
      LANE_CAPACITY_BYTES_MAX,
      ...under('FRAME', FRAME),
      SLICE_MASK,
      ...under('KIND', FRAME_KIND),
      ...under('FLAG', FRAME_FLAG),
      ...listed('DRAIN', DRAIN_STATUS),
      ...under('ROW', SHARD_ROW),
      ...under('FORM', BATCH_FORM),
      PUT_RECORDS_COUNT_MAX: KINESIS.putRecordsCountMax,
      ENTRY_BYTES_MAX_CBOR: ENTRY_BYTES_MAX.cbor,
      ENTRY_BYTES_MAX_JSON: ENTRY_BYTES_MAX.json,
      SURROUND_BYTES_MAX,
      ESCAPE_BYTES_MAX,
      AGGREGATE_CHECKSUM_BYTES: KPL.checksumBytes,
      ...under('VERDICT', VERDICT),
      ...under('TEXT', TEXT),
      ...under('OUTLINE', OUTLINE),
      ...under('CURSOR', CURSOR),
      ...under('INDEX', INDEX),
      ...under('PARTS', PARTS),
      KEY_CHARS_MAX,
      ...under('RULE', RULE),
      ...listed('SCAN', STATUSES),
      ...under('SUM', SUM),
      ...under('STAGE_TIME', STAGE_TIME),
      ...listed('REJECT', CODES),
      REJECT_COLUMNS,
      OUTPUT_COLUMNS,
      ...under('LINE', LINE),
      ...under('TEXT', TEXT_CELL),
      ...under('ROWS', ROWS),
      ...under('CUT', CUT_STATE),
      ...listed('CUT', CUT_STOPS),
      ...under('CUT_SUM', CUT_SUM),
      ...under('VALUE', VALUE_KIND),
      ...under('STEP', STEP),
      ...listed('INFLATE', STATUS),
      ...under('DIGEST', DIGEST_STATE),
      DIGEST_BUCKET_BYTES: BUCKET_BYTES,
    });
  });
});
