// Scan sink: see scan-sink.h.
#include "scan-sink.h"

#include "scan-shape.h"

#include "simdjson-calls.h"

namespace millrace {
namespace {

/** memcpy for lengths that are mostly small: two moves that may overlap, instead of a call. */
inline void copyBytes(uint8_t* to, const uint8_t* from, size_t bytes) {
  if (bytes > 32) {
    std::memcpy(to, from, bytes);
  } else if (bytes >= 16) {
    uint64_t parts[4];
    std::memcpy(parts, from, 16);
    std::memcpy(parts + 2, from + bytes - 16, 16);
    std::memcpy(to, parts, 16);
    std::memcpy(to + bytes - 16, parts + 2, 16);
  } else if (bytes >= 8) {
    uint64_t first, last;
    std::memcpy(&first, from, 8);
    std::memcpy(&last, from + bytes - 8, 8);
    std::memcpy(to, &first, 8);
    std::memcpy(to + bytes - 8, &last, 8);
  } else {
    for (size_t i = 0; i < bytes; i++) to[i] = from[i];
  }
}

/** MD5 of all gathered keys: those of one block side by side, longer ones alone. */
void hashPending(ScanState& state) {
  uint32_t keyBytesMax = 0;
  uint32_t shortCount = 0;
  for (uint32_t i = 0; i < state.pendingCount; i++) {
    PendingRecord& record = state.pending[i];
    if ((record.flags & FLAG_EXPLICIT_HASH_KEY) != 0) continue;
    if (record.keyBytes > MD5_BLOCK_MESSAGE_MAX) {
      md5Message(record.key, record.keyBytes, &record.hashHigh, &record.hashLow);
      continue;
    }
    uint8_t* block = reinterpret_cast<uint8_t*>(state.blocks[i]);
    std::memset(block, 0, 64);
    copyBytes(block, record.key, record.keyBytes);
    block[record.keyBytes] = 0x80;
    state.blocks[i][14] = uint32_t(record.keyBytes) * 8;
    if (record.keyBytes > keyBytesMax) keyBytesMax = record.keyBytes;
    shortCount++;
  }
  if (shortCount == 0) return;
  // Places without a short key hash what an earlier group left there, and nobody looks at it.
  state.kernels->hashGroup(state.blocks, state.pendingCount, keyBytesMax / 4 + 1, state.digests);
  for (uint32_t i = 0; i < state.pendingCount; i++) {
    PendingRecord& record = state.pending[i];
    if ((record.flags & FLAG_EXPLICIT_HASH_KEY) != 0 || record.keyBytes > MD5_BLOCK_MESSAGE_MAX) continue;
    const auto& digests = state.digests;
    md5ToHashKey(digests[0][i], digests[1][i], digests[2][i], digests[3][i], &record.hashHigh, &record.hashLow);
  }
}

/** The last lane that starts at or before the record's hash key. Without branches: hash keys cannot be predicted. */
uint32_t laneOf(const ScanState& state, const PendingRecord& record) {
  uint32_t index = 0;
  for (uint32_t i = 1; i < state.laneCount; i++) {
    const uint64_t high = state.laneStarts[i * 2];
    const uint64_t low = state.laneStarts[i * 2 + 1];
    index += uint32_t(high < record.hashHigh) | (uint32_t(high == record.hashHigh) & uint32_t(low <= record.hashLow));
  }
  return index;
}

/** @returns False when the lane is full. */
bool writeRecord(ScanState& state, ScanCall& call, const PendingRecord& record, uint32_t dataBytes) {
  const uint32_t laneIndex = laneOf(state, record);
  const uint32_t needBytes = frameBytes(record.keyBytes, dataBytes);
  LaneWriter& lane = state.lanes[laneIndex];
  uint8_t* frame = lane.reserve(needBytes);
  if (frame == nullptr) {
    call.status = SCAN_LANE_FULL;
    call.laneIndex = laneIndex;
    call.laneNeedBytes = needBytes;
    call.next = record.line;
    return false;
  }
  const LineOrigin origin = originOf(call, record.line, call.frameRow);
  // In whole words: a header that is put together elsewhere from smaller parts and copied waits for its own stores.
  const uint64_t header[5] = {
      needBytes | (uint64_t(KIND_RECORD) << 32) | (uint64_t(record.flags) << 40) | (uint64_t(record.keyBytes) << 48),
      dataBytes | (uint64_t(call.slice | (origin.output << 16)) << 32),
      origin.offset,
      record.hashHigh,
      record.hashLow,
  };
  static_assert(sizeof header == FRAME_HEADER_BYTES);
  for (int i = 0; i < 5; i++) std::memcpy(frame + i * 8, &header[i], 8);
  uint8_t* at = frame + FRAME_HEADER_BYTES;
  copyBytes(at, record.key, record.keyBytes);
  at += record.keyBytes;
  copyBytes(at, record.data, record.dataBytes);
  if (state.appendsNewline) at[record.dataBytes] = '\n';
  lane.commit(needBytes);
  return true;
}

/** Of a line. Four words at a time: the compiler makes vectors of them. */
bool isAscii(const uint8_t* at, size_t bytes) {
  uint64_t seen[4] = {};
  for (; bytes >= sizeof seen; at += sizeof seen, bytes -= sizeof seen) {
    uint64_t words[4];
    std::memcpy(words, at, sizeof words);
    for (int i = 0; i < 4; i++) seen[i] |= words[i];
  }
  uint64_t rest = seen[0] | seen[1] | seen[2] | seen[3];
  for (; bytes >= 8; at += 8, bytes -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    rest |= word;
  }
  for (; bytes > 0; at++, bytes--) rest |= *at;
  return (rest & 0x8080808080808080u) == 0;
}

/** @returns False when the text is full. */
bool writeText(ScanState& state, ScanCall& call, const PendingRecord& record) {
  TextSink& text = state.text;
  const uint64_t used = uint64_t(text.used[TEXT_USED_BYTES]);
  const uint32_t row = uint32_t(text.used[TEXT_USED_ROWS]);
  const uint64_t needBytes = uint64_t(record.dataBytes) + 1;
  if (needBytes > text.bytesMax - used || row == text.rowsMax) {
    call.status = SCAN_LANE_FULL;
    call.laneIndex = 0;
    call.laneNeedBytes = uint32_t(needBytes);
    call.next = record.line;
    return false;
  }
  uint8_t* at = text.bytes + used;
  copyBytes(at, record.data, record.dataBytes);
  at[record.dataBytes] = ',';
  double* cells = text.rows + size_t(row) * LINE_COLUMNS;
  cells[LINE_START] = double(used);
  cells[LINE_OFFSET] = double(originOf(call, record.line, call.frameRow).offset);
  cells[LINE_IS_ASCII] = isAscii(at, record.dataBytes);
  text.used[TEXT_USED_BYTES] = double(used + needBytes);
  text.used[TEXT_USED_ROWS] = row + 1;
  return true;
}

}  // namespace

bool flushRecords(ScanState& state, ScanCall& call) {
  const uint32_t count = state.pendingCount;
  if (count == 0) return true;
  if (state.shape != nullptr && state.shape->hashes.count > 0) {
    const uint64_t startTicks = state.shape->clock.isRunning ? readTicks() : 0;
    state.shape->hashes.run(state.shape->program.hashKey);
    if (state.shape->clock.isRunning) state.shape->clock.add(STAGE_TIME_EDITS, startTicks);
  }
  const bool hasLanes = state.laneCount > 0;
  const bool hasText = state.text.bytes != nullptr;
  if (hasLanes) hashPending(state);
  state.pendingCount = 0;
  for (uint32_t i = 0; i < count; i++) {
    const PendingRecord& record = state.pending[i];
    countOthers(call, record.blankBefore, record.leftOutBefore);
    const uint32_t dataBytes = record.dataBytes + state.appendsNewline;
    if ((hasLanes && !writeRecord(state, call, record, dataBytes)) || (hasText && !writeText(state, call, record))) {
      // Lines after that record will be met again.
      call.blankBefore = 0;
      call.leftOutBefore = 0;
      return false;
    }
    call.lines++;
    call.records++;
    call.recordBytes += dataBytes + record.keyBytes;
  }
  return true;
}

bool addReject(ScanState& state, ScanCall& call, const uint8_t* line, const uint8_t* lineEnd, uint32_t code) {
  if (!flushRecords(state, call)) return false;
  countOthers(call, call.blankBefore, call.leftOutBefore);
  call.blankBefore = 0;
  call.leftOutBefore = 0;
  if (call.rejected == call.rejectsMax) {
    call.status = SCAN_REJECTS_FULL;
    call.next = line;
    return false;
  }
  // \r\n is one line end; a lone \r at the end of the piece belongs to the line.
  const bool hasNewline = lineEnd < call.bytes + call.end;
  if (hasNewline && lineEnd > line && lineEnd[-1] == '\r') lineEnd--;
  double* cells = call.rejectCells + size_t(call.rejected) * REJECT_COLUMNS;
  cells[0] = code;
  cells[1] = double(line - call.bytes);
  cells[2] = double(lineEnd - call.bytes);
  call.rejected++;
  call.lines++;
  return true;
}

/** @returns Behind the last digit. */
static uint8_t* writeDecimal(uint64_t number, uint8_t* at) {
  uint8_t digits[20];
  uint32_t count = 0;
  do {
    digits[count++] = uint8_t('0' + number % 10);
    number /= 10;
  } while (number > 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

uint32_t writePositionalKey(ScanCall& call, const uint8_t* line, uint8_t* out) {
  const LineOrigin origin = originOf(call, line, call.keyRow);
  std::memcpy(out, call.coordinate, call.coordinateBytes);
  uint8_t* at = out + call.coordinateBytes;
  *at++ = ':';
  at = writeDecimal(origin.offset, at);
  if (origin.output > 0) {
    *at++ = '.';
    at = writeDecimal(origin.output, at);
  }
  return uint32_t(at - out);
}

bool findHashKey(ScanState& state, const uint8_t* data, const uint8_t* dataEnd, RecordKey& key) {
  const ByteRange value = locate(data, dataEnd, state.hashKey);
  if (value.start == nullptr) return false;
  if (*value.start != '"') return parseHashKey(value.start, value.end, &key.hashHigh, &key.hashLow);
  uint8_t decoded[KEY_BYTES_MAX];
  const int32_t bytes = decodeKey(value.start + 1, value.end - 1, KEY_CHARS_MAX, decoded);
  return bytes > 0 && parseHashKey(decoded, decoded + bytes, &key.hashHigh, &key.hashLow);
}

bool readKey(ScanState& state, const ByteRange& value, RecordKey& key) {
  const uint8_t first = *value.start;
  if (first == '{' || first == '[' || first == 'n') return false;
  if (first != '"') return toKey(state, value.start, value.end, false, key);
  const uint8_t* inside = value.start + 1;
  const size_t insideBytes = size_t(value.end - 1 - inside);
  return toKey(state, inside, value.end - 1, std::memchr(inside, '\\', insideBytes) != nullptr, key);
}

bool findKey(ScanState& state, const uint8_t* data, const uint8_t* dataEnd, RecordKey& key) {
  const ByteRange value = locate(data, dataEnd, state.key);
  return value.start != nullptr && readKey(state, value, key);
}

bool endBefore(ScanState& state, ScanCall& call, const uint8_t* line, uint32_t status) {
  if (!flushRecords(state, call)) return false;
  countOthers(call, call.blankBefore, call.leftOutBefore);
  call.blankBefore = 0;
  call.leftOutBefore = 0;
  call.status = status;
  call.next = line;
  return false;
}

/** Whether these bytes are JSON, however deep. */
static bool isJsonOfAnyDepth(const ScanState& state, const uint8_t* data, const uint8_t* dataEnd) {
  if (!isTooDeep(data, dataEnd, state.depthMax)) return isJson(data, dataEnd, state.depthStack);
  auto* stack = static_cast<uint64_t*>(std::calloc(size_t(dataEnd - data) / 64 + 2, sizeof(uint64_t)));
  const bool isValid = stack != nullptr && isJson(data, dataEnd, stack);
  std::free(stack);
  return isValid;
}

bool validateLine(ScanState& state, ScanCall& call, const uint8_t* line, const uint8_t* at, const uint8_t* lineEnd) {
  const uint8_t* data = at;
  const uint8_t* dataEnd = lineEnd;
  while (data < dataEnd && isJsonSpace(*data)) data++;
  while (dataEnd > data && isJsonSpace(dataEnd[-1])) dataEnd--;
  if (data == dataEnd) {
    call.blankBefore++;
    return true;
  }
  // Where values end is known only as long as all of them are valid, those that nobody wants as well.
  if (call.endsAtDamage && !isJsonOfAnyDepth(state, data, dataEnd)) return endBefore(state, call, line, SCAN_DAMAGED);
  if (state.shape != nullptr && state.shape->program.hasSample && !isSampled(state, call, line)) {
    call.leftOutBefore += UNSAMPLED;
    return true;
  }
  const char* text = reinterpret_cast<const char*>(data);
  if (!simdjson::validate_utf8(text, size_t(dataEnd - data))) return addReject(state, call, line, lineEnd, REJECT_INVALID_UTF8);
  if (isTooDeep(data, dataEnd, state.depthMax)) return addReject(state, call, line, lineEnd, REJECT_TOO_DEEP);
  if (!isJson(data, dataEnd, state.depthStack)) return addReject(state, call, line, lineEnd, REJECT_INVALID_JSON);
  if (state.shape != nullptr) return shapeLine(state, call, line, lineEnd, data, dataEnd);
  RecordKey key;
  if (!state.hasKey || !findKey(state, data, dataEnd, key)) key.key = nullptr;
  return addRecord(state, call, line, lineEnd, data, dataEnd, key);
}

}  // namespace millrace
