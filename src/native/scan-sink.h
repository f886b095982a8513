// Scan sink: where recognised lines go. Gathers records until a group's keys can be hashed side by side, then writes their frames
// in order; counts what was dealt with; notes rejects. Whatever stops it, the call's sums cover exactly the lines before `next`.
#pragma once

#include <cassert>

#include "md5.h"
#include "scan-types.h"

namespace millrace {

/** Writes the gathered records. @returns False when a lane is full: then the call has ended at that record's line. */
bool flushRecords(ScanState& state, ScanCall& call);

/** Notes a line that is not a record. @param code REJECT_. @returns False when the call has ended. */
bool addReject(ScanState& state, ScanCall& call, const uint8_t* line, const uint8_t* lineEnd, uint32_t code);

/** Ends the call in front of this line, once what came before it has been counted. @param status SCAN_. @returns False. */
bool endBefore(ScanState& state, ScanCall& call, const uint8_t* line, uint32_t status);

/** Validates one line exactly. @param at First byte of the line to look at, after a byte order mark. @returns False when the call has ended. */
bool validateLine(ScanState& state, ScanCall& call, const uint8_t* line, const uint8_t* at, const uint8_t* lineEnd);

/** Writes the coordinates key of a line. @returns Its bytes. */
uint32_t writePositionalKey(ScanCall& call, const uint8_t* line, uint8_t* out);

/** Counts the lines since the last record that are not records. */
inline void countOthers(ScanCall& call, uint32_t blank, LeftOut leftOut) {
  call.lines += blank + uint32_t(leftOut);
  call.blank += blank;
  call.leftOut += leftOut;
}

/** What a line's pointers led to. */
struct RecordKey {
  /** Null where the key pointer found nothing usable, or there is none. */
  const uint8_t* key;
  uint32_t keyBytes;
  bool hasExplicit;
  uint64_t hashHigh;
  uint64_t hashLow;
};

/** Where the next record's key may be put together. */
inline uint8_t* keyScratch(ScanState& state) { return state.keyScratch[state.pendingCount]; }

/**
 * Makes a string's inside (between the quotes) or a token as written a key, if it can be one.
 * @returns False for none: empty or longer than a key may be.
 */
inline bool toKey(ScanState& state, const uint8_t* start, const uint8_t* end, bool hasEscapes, RecordKey& key) {
  if (hasEscapes) {
    const int32_t bytes = decodeKey(start, end, state.keyCharsMax, keyScratch(state));
    key.key = keyScratch(state);
    key.keyBytes = uint32_t(bytes);
    return bytes > 0;
  }
  key.key = start;
  key.keyBytes = uint32_t(end - start);
  if (key.keyBytes <= state.keyCharsMax) return key.keyBytes > 0;
  // More bytes can still be few enough characters.
  return key.keyBytes <= KEY_BYTES_MAX && uint64_t(end - start) <= KEY_BYTES_MAX && charsOf(start, end) <= state.keyCharsMax;
}

/** Finds the explicit hash key of a valid line. @returns False where there is none. */
bool findHashKey(ScanState& state, const uint8_t* data, const uint8_t* dataEnd, RecordKey& key);

/** Makes the value that a pointer led to a key. @returns False where it cannot be one. */
bool readKey(ScanState& state, const ByteRange& value, RecordKey& key);

/** Finds the partition key of a valid line, the slow way. @returns False where there is none. */
bool findKey(ScanState& state, const uint8_t* data, const uint8_t* dataEnd, RecordKey& key);

/**
 * Takes one valid line.
 * @param key What its pointers led to; key.key is null where a partition key was asked for and not found.
 * @returns False when the call has ended.
 */
inline bool addRecord(ScanState& state, ScanCall& call, const uint8_t* line, const uint8_t* lineEnd, const uint8_t* data,
                      const uint8_t* dataEnd, RecordKey& key) {
  key.hasExplicit = false;
  if (state.hasHashKey) key.hasExplicit = findHashKey(state, data, dataEnd, key);
  const bool isMissing = (state.hasKey && key.key == nullptr) || (state.hasHashKey && !key.hasExplicit);
  if (isMissing && !state.usesPositionalKeys) return addReject(state, call, line, lineEnd, REJECT_MISSING_KEY);
  if (key.key == nullptr) {
    key.key = keyScratch(state);
    // A text has no keys.
    key.keyBytes = state.text.bytes == nullptr ? writePositionalKey(call, line, keyScratch(state)) : 1;
  }
  const uint64_t dataBytes = uint64_t(dataEnd - data);
  if (dataBytes + state.appendsNewline + key.keyBytes > state.recordBytesMax) {
    return addReject(state, call, line, lineEnd, REJECT_RECORD_TOO_LARGE);
  }
  const uint32_t slot = state.pendingCount;
  assert(slot < GROUP_RECORDS && key.keyBytes > 0 && key.keyBytes <= KEY_BYTES_MAX);
  assert(lineEnd <= call.bytes + call.end && line <= lineEnd && data < dataEnd);
  assert(state.shape != nullptr || (line <= data && dataEnd <= lineEnd));
  PendingRecord& record = state.pending[slot];
  record.line = line;
  record.data = data;
  record.dataBytes = uint32_t(dataBytes);
  record.key = key.key;
  record.keyBytes = uint16_t(key.keyBytes);
  record.flags = uint8_t((key.hasExplicit ? FLAG_EXPLICIT_HASH_KEY : 0) | call.frameFlags);
  record.blankBefore = call.blankBefore;
  record.leftOutBefore = call.leftOutBefore;
  call.blankBefore = 0;
  call.leftOutBefore = 0;
  if (key.hasExplicit) {
    record.hashHigh = key.hashHigh;
    record.hashLow = key.hashLow;
  }
  state.pendingCount = slot + 1;
  return slot + 1 < GROUP_RECORDS || flushRecords(state, call);
}

}  // namespace millrace
