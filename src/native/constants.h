// Constants: every number that the addon and TypeScript must agree on, in one table. Each line defines the constant and exports it by its
// name (constants.cc); test/native/constants.test.ts compares the table with TypeScript, and knows where each number stands there.
// What is only a size of an array of TypeScript's is not here: such lengths are passed, and checked where they are used.
#pragma once

#include <cstddef>
#include <cstdint>

// clang-format off
#define MILLRACE_CONSTANTS(X) \
  /* A lane's counters, each alone on its cache line: src/ring/layout.ts. */ \
  X(size_t, LANE_HEAD_BYTE, 0) \
  X(size_t, LANE_TAIL_BYTE, 64) \
  X(size_t, LANE_END_BYTE, 128) \
  X(size_t, LANE_DATA_BYTE, 256) \
  X(size_t, LANE_CAPACITY_BYTES_MAX, 1u << 30) \
  /* A frame: src/record/frame.ts. */ \
  X(size_t, FRAME_FRAME_BYTES, 0) \
  X(size_t, FRAME_KIND, 4) \
  X(size_t, FRAME_FLAGS, 5) \
  X(size_t, FRAME_KEY_BYTES, 6) \
  X(size_t, FRAME_DATA_BYTES, 8) \
  X(size_t, FRAME_SLICE, 12) \
  X(size_t, FRAME_LINE_OFFSET, 16) \
  X(size_t, FRAME_HASH_HIGH, 24) \
  X(size_t, FRAME_HASH_LOW, 32) \
  X(size_t, FRAME_HEADER_BYTES, 40) \
  /* The half of a frame's slice that says which it is: src/ring/slices.ts. */ \
  X(uint32_t, SLICE_MASK, 0xffff) \
  X(uint8_t, KIND_RECORD, 1) \
  X(uint8_t, KIND_PAD, 2) \
  X(uint8_t, KIND_BEGIN, 3) \
  X(uint8_t, KIND_END, 4) \
  X(uint8_t, FLAG_EXPLICIT_HASH_KEY, 1) \
  X(uint8_t, FLAG_DROPPED, 2) \
  X(uint8_t, FLAG_RAW, 4) \
  /* What a drain says, and columns of a shard's row: src/publish/codec.ts and codec-native.ts. */ \
  X(uint32_t, DRAIN_EMPTY, 0) \
  X(uint32_t, DRAIN_SHARD_FULL, 1) \
  X(uint32_t, DRAIN_BEGIN, 2) \
  X(uint32_t, DRAIN_END, 3) \
  X(uint32_t, ROW_USED_BYTES, 0) \
  X(uint32_t, ROW_COUNT, 1) \
  X(uint32_t, ROW_PAYLOAD_BYTES, 2) \
  X(uint32_t, ROW_CAPACITY_BYTES, 3) \
  X(uint32_t, ROW_COUNT_MAX, 4) \
  X(uint32_t, ROW_PAYLOAD_BYTES_MAX, 5) \
  X(uint32_t, ROW_FORM, 6) \
  X(uint32_t, ROW_COLUMNS, 8) \
  X(uint32_t, FORM_FRAMES, 0) \
  X(uint32_t, FORM_ENTRIES, 1) \
  /* Requests: src/base/limits.ts and src/publish/kinesis/body.ts. */ \
  X(uint32_t, PUT_RECORDS_COUNT_MAX, 500) \
  X(uint32_t, ENTRY_BYTES_MAX_CBOR, 160) \
  X(uint32_t, ENTRY_BYTES_MAX_JSON, 320) \
  X(uint32_t, SURROUND_BYTES_MAX, 2080) \
  X(uint32_t, ESCAPE_BYTES_MAX, 6) \
  X(uint32_t, AGGREGATE_CHECKSUM_BYTES, 16) \
  /* Answers to PutRecords, and places among their texts: src/publish/sink.ts and kinesis/put-codec-native.ts. */ \
  X(uint8_t, VERDICT_STORED, 0) \
  X(uint8_t, VERDICT_THROTTLED, 1) \
  X(uint8_t, VERDICT_FAILED, 2) \
  X(uint8_t, VERDICT_MISROUTED, 3) \
  X(uint32_t, TEXT_CODE, 0) \
  X(uint32_t, TEXT_MESSAGE, 1) \
  X(uint32_t, TEXT_MISROUTED_SHARDS, 2) \
  /* Answers to GetRecords, cells of the outline and of the cursor, columns of the index: src/stream/answer-native.ts and answer.ts. */ \
  X(uint32_t, OUTLINE_RECORDS_AT, 0) \
  X(uint32_t, OUTLINE_RECORD_COUNT, 1) \
  X(uint32_t, OUTLINE_NEXT_ITERATOR_AT, 2) \
  X(uint32_t, OUTLINE_MILLIS_AT, 3) \
  X(uint32_t, OUTLINE_CHILD_SHARDS_AT, 4) \
  X(uint32_t, OUTLINE_CELLS, 5) \
  X(uint32_t, CURSOR_AT, 0) \
  X(uint32_t, CURSOR_LEFT, 1) \
  X(uint32_t, CURSOR_SUB, 2) \
  X(uint32_t, CURSOR_ORDINAL, 3) \
  X(uint32_t, CURSOR_NEED_BYTES, 4) \
  X(uint32_t, CURSOR_OUTSIDE, 5) \
  X(uint32_t, CURSOR_CELLS, 6) \
  X(uint32_t, INDEX_SEQUENCE_AT, 0) \
  X(uint32_t, INDEX_SEQUENCE_BYTES, 1) \
  X(uint32_t, INDEX_ARRIVAL_MS, 2) \
  X(uint32_t, INDEX_PARTS, 3) \
  X(uint32_t, INDEX_COLUMNS, 4) \
  X(double, PARTS_BAD_CHECKSUM, -1) \
  X(double, PARTS_MALFORMED, -2) \
  /* The scanner: src/scan/native.ts, and src/base/limits.ts for the longest key. */ \
  X(uint32_t, KEY_CHARS_MAX, 256) \
  X(uint32_t, RULE_APPEND_NEWLINE, 1) \
  X(uint32_t, RULE_POSITIONAL_KEYS, 2) \
  X(uint32_t, SCAN_DONE, 0) \
  X(uint32_t, SCAN_LANE_FULL, 1) \
  X(uint32_t, SCAN_REJECTS_FULL, 2) \
  X(uint32_t, SCAN_DAMAGED, 3) \
  X(uint32_t, ROWS_LINES, 0) \
  X(uint32_t, ROWS_RAW, 1) \
  X(uint32_t, ROWS_VALUES, 2) \
  X(uint32_t, ROWS_VALUE, 3) \
  X(uint32_t, ROWS_WRITTEN, 4) \
  X(uint32_t, SUM_STATUS, 0) \
  X(uint32_t, SUM_NEXT, 1) \
  X(uint32_t, SUM_LANE, 2) \
  X(uint32_t, SUM_NEED, 3) \
  X(uint32_t, SUM_LINES, 4) \
  X(uint32_t, SUM_BLANK, 5) \
  X(uint32_t, SUM_REJECTED, 6) \
  X(uint32_t, SUM_RECORDS, 7) \
  X(uint32_t, SUM_BYTES, 8) \
  X(uint32_t, SUM_FILTERED, 9) \
  X(uint32_t, SUM_UNSAMPLED, 10) \
  X(uint32_t, SUM_CELLS, 11) \
  /* What the scanner's own stages take: src/scan/shaper.ts. */ \
  X(uint32_t, STAGE_TIME_SAMPLE, 0) \
  X(uint32_t, STAGE_TIME_WHERE, 2) \
  X(uint32_t, STAGE_TIME_EDITS, 4) \
  X(uint32_t, STAGE_TIME_CELLS, 6) \
  X(uint32_t, REJECT_INVALID_JSON, 0) \
  X(uint32_t, REJECT_INVALID_UTF8, 1) \
  X(uint32_t, REJECT_TOO_DEEP, 2) \
  X(uint32_t, REJECT_MISSING_KEY, 3) \
  X(uint32_t, REJECT_RECORD_TOO_LARGE, 4) \
  X(uint32_t, REJECT_FILTER, 5) \
  X(uint32_t, REJECT_COLUMNS, 3) \
  X(uint32_t, OUTPUT_COLUMNS, 3) \
  X(uint32_t, LINE_START, 0) \
  X(uint32_t, LINE_OFFSET, 1) \
  X(uint32_t, LINE_IS_ASCII, 2) \
  X(uint32_t, LINE_COLUMNS, 3) \
  X(uint32_t, TEXT_USED_BYTES, 0) \
  X(uint32_t, TEXT_USED_ROWS, 1) \
  X(uint32_t, TEXT_CELLS, 2) \
  /* Framing: src/scan/values-native.ts and src/scan/values.ts. */ \
  X(uint32_t, CUT_SIDE_BY_SIDE, 0) \
  X(uint32_t, CUT_BEGUN, 1) \
  X(uint32_t, CUT_BEHIND_ELEMENT, 2) \
  X(uint32_t, CUT_BEHIND_COMMA, 3) \
  X(uint32_t, CUT_MORE, 0) \
  X(uint32_t, CUT_FULL, 1) \
  X(uint32_t, CUT_STRAY, 2) \
  X(uint32_t, CUT_BROKEN, 3) \
  X(uint32_t, CUT_CLOSED, 4) \
  X(uint8_t, VALUE_LINE, 0) \
  X(uint8_t, VALUE_LINES, 1) \
  X(uint32_t, CUT_SUM_COUNT, 0) \
  X(uint32_t, CUT_SUM_NEXT, 1) \
  X(uint32_t, CUT_SUM_STOP, 2) \
  X(uint32_t, CUT_SUM_STATE, 3) \
  X(uint32_t, CUT_SUM_USED, 4) \
  X(uint32_t, CUT_SUM_CELLS, 5) \
  /* A step of a decoder: src/native/inflate.ts. */ \
  X(uint32_t, STEP_CONSUMED, 0) \
  X(uint32_t, STEP_PRODUCED, 1) \
  X(uint32_t, STEP_STATUS, 2) \
  X(uint32_t, STEP_UNUSED_BITS, 3) \
  X(uint32_t, STEP_CELLS, 4) \
  X(int32_t, INFLATE_MORE, 0) \
  X(int32_t, INFLATE_MEMBER_END, 1) \
  X(int32_t, INFLATE_DAMAGED, 2) \
  /* The digest's memory: src/digest/digest-portable.ts. */ \
  X(size_t, DIGEST_COUNT, 0) \
  X(size_t, DIGEST_PAYLOAD, 8) \
  X(size_t, DIGEST_SUM_A, 16) \
  X(size_t, DIGEST_SUM_B, 24) \
  X(size_t, DIGEST_SIP_KEY, 32) \
  X(size_t, DIGEST_NH_KEY, 64) \
  X(size_t, DIGEST_BYTES, 64 + 2 * 1024 + 32) \
  X(size_t, DIGEST_BUCKET_BYTES, 24)
// clang-format on

namespace millrace {

#define MILLRACE_DEFINE(TYPE, NAME, VALUE) constexpr TYPE NAME = VALUE;
MILLRACE_CONSTANTS(MILLRACE_DEFINE)
#undef MILLRACE_DEFINE

}  // namespace millrace
