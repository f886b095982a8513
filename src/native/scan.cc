// Scan: the scanner's door to JavaScript. The twin of src/scan/native.ts.
#include <cstring>

#include "addon.h"
#include "args.h"
#include "scan-setup.h"
#include "scan-shape.h"
#include "scan-sink.h"

#include "simdjson-calls.h"

namespace millrace {
namespace {

constexpr uint32_t WINDOW_BYTES_LEAST = 2 * 1024;
/** How far a key is looked for byte by byte: so many, and a part of the text. To scan it takes a third of the time a byte. */
constexpr size_t NEAR_BYTES_LEAST = 32;
constexpr size_t NEAR_PART = 3;

/** The window that starts at `at`: whole lines, or one line that is longer than a window (then `isLong`). */
const uint8_t* findWindowEnd(const ScanState& state, const uint8_t* at, const uint8_t* end, bool& isLong) {
  isLong = false;
  if (uint64_t(end - at) <= state.windowBytes) return end;
  const uint8_t* cut = at + state.windowBytes;
  while (cut > at && cut[-1] != '\n') cut--;
  if (cut > at) return cut;
  const void* newline = std::memchr(at + state.windowBytes, '\n', size_t(end - at) - state.windowBytes);
  const uint8_t* lineEnd = newline == nullptr ? end : static_cast<const uint8_t*>(newline);
  isLong = uint64_t(lineEnd - at) >= WINDOW_BYTES;
  return lineEnd < end && !isLong ? lineEnd + 1 : lineEnd;
}

/** Finds the key of bytes that may be one line of JSON. */
bool findRawKey(ScanState& state, const uint8_t* start, const uint8_t* end, RecordKey& key) {
  const auto isSpace = [](uint8_t byte) { return byte == '\n' || isJsonSpace(byte); };
  while (start < end && isSpace(*start)) start++;
  while (end > start && isSpace(end[-1])) end--;
  if (start == end || std::memchr(start, '\n', size_t(end - start)) != nullptr) return false;
  if (!simdjson::validate_utf8(reinterpret_cast<const char*>(start), size_t(end - start))) return false;
  if (isTooDeep(start, end, state.depthMax) || !isJson(start, end, state.depthStack)) return false;
  return findKey(state, start, end, key);
}

/** Deals with bytes that go out as they are, each row's on its own, from `at` on: a key is looked for in those that are JSON. */
void scanRaw(ScanState& state, ScanCall& call, const uint8_t* at) {
  const uint8_t* end = call.bytes + call.end;
  for (uint32_t row = 0; row < call.rowCount; row++) {
    const uint8_t* start = call.bytes + size_t(call.rows[size_t(row) * OUTPUT_COLUMNS]);
    const uint8_t* rowEnd = row + 1 < call.rowCount ? call.bytes + size_t(call.rows[size_t(row + 1) * OUTPUT_COLUMNS]) : end;
    if (start < at || rowEnd > end || start >= rowEnd) continue;
    RecordKey key;
    key.key = nullptr;
    if (!state.hasKey || !findRawKey(state, start, rowEnd, key)) key.key = nullptr;
    if (!addRecord(state, call, start, rowEnd, start, rowEnd, key)) return;
  }
  if (!flushRecords(state, call)) return;
  call.next = end;
}

/** All of the call is dealt with. */
void endAt(ScanState& state, ScanCall& call, const uint8_t* end) {
  if (!flushRecords(state, call)) return;
  countOthers(call, call.blankBefore, call.leftOutBefore);
  call.next = end;
}

/** Deals with a window of lines, or one long line, from `at` on. @returns Behind it; null when the call has ended. */
const uint8_t* scanStep(ScanState& state, ScanCall& call, const uint8_t* at, const uint8_t* end) {
  bool isLong;
  const uint8_t* windowEnd = findWindowEnd(state, at, end, isLong);
  if (isLong) {
    if (!validateLine(state, call, at, at, windowEnd)) return nullptr;
    return windowEnd < end ? windowEnd + 1 : end;
  }
  const auto scanWindow = state.shape == nullptr ? state.kernels->scanWindow : state.kernels->scanShaped;
  if (state.shape != nullptr) state.shape->clock.beginWindow(state.windowCount);
  const bool mayGoOn = scanWindow(state, call, at, uint32_t(windowEnd - at));
  if (state.shape != nullptr) state.shape->clock.endWindow();
  if (!mayGoOn) return nullptr;
  if (state.windowBytes < WINDOW_BYTES) state.windowBytes *= 2;
  // Readers need not wait for the end of a long piece.
  for (uint32_t i = 0; i < state.laneCount; i++) state.lanes[i].publish();
  return windowEnd;
}

/** Deals with all lines from `at` on. */
void scanLines(ScanState& state, ScanCall& call, const uint8_t* at) {
  const uint8_t* end = call.bytes + call.end;
  const bool isObjectStart = call.rows == nullptr && call.objectOffset == 0 && at == call.bytes + call.start;
  if (isObjectStart && end - at >= 3 && std::memcmp(at, "\xef\xbb\xbf", 3) == 0) {
    const void* newline = std::memchr(at, '\n', size_t(end - at));
    const uint8_t* lineEnd = newline == nullptr ? end : static_cast<const uint8_t*>(newline);
    if (!validateLine(state, call, at, at + 3, lineEnd)) return;
    at = lineEnd < end ? lineEnd + 1 : end;
  }
  while (at < end) {
    at = scanStep(state, call, at, end);
    if (at == nullptr) return;
  }
  endAt(state, call, end);
}

/** Finds the key of a text that JSON.stringify has written. @returns False where it lies so far behind that to scan all of the text is cheaper. */
bool findNearKey(ScanState& state, const uint8_t* text, const uint8_t* textEnd, RecordKey& key) {
  key.key = nullptr;
  if (!state.hasKey) return true;
  if (!state.isKeyPlain) return false;
  const size_t textBytes = size_t(textEnd - text);
  // With the line end, where there is one to see: what stops in front of it has ended.
  const size_t nearBytes = NEAR_BYTES_LEAST + textBytes / NEAR_PART;
  ByteRange value;
  if (!locateNear(text, text + (nearBytes < textBytes + 1 ? nearBytes : textBytes + 1), state.key, value)) return false;
  if (!readKey(state, value, key)) key.key = nullptr;
  return true;
}

/**
 * Deals with texts that JSON.stringify has written, a row each: they are valid, so that of one whose key lies near its beginning, and that is
 * too short to nest too deep, nothing else is looked at. What needs more is scanned, with as much behind it as a window holds.
 */
void scanWritten(ScanState& state, ScanCall& call, const uint8_t* at) {
  const uint8_t* end = call.bytes + call.end;
  const auto startOf = [&](uint32_t row) {
    const uint8_t* start = row < call.rowCount ? call.bytes + size_t(call.rows[size_t(row) * OUTPUT_COLUMNS]) : end;
    return start < end ? start : end;
  };
  // Every level takes two bytes.
  const uint64_t shallowBytes = 2 * uint64_t(state.depthMax);
  const uint8_t* published = at;
  for (uint32_t row = 0; at < end;) {
    while (startOf(row) < at) row++;
    const uint8_t* next = startOf(row + 1);
    const uint8_t* textEnd = next - 1;
    RecordKey key;
    const bool isShort = startOf(row) == at && textEnd > at && *textEnd == '\n' && uint64_t(textEnd - at) <= shallowBytes;
    if (isShort && findNearKey(state, at, textEnd, key)) {
      if (!addRecord(state, call, at, textEnd, at, textEnd, key)) return;
      at = next;
      if (at - published < ptrdiff_t(WINDOW_BYTES)) continue;
      for (uint32_t i = 0; i < state.laneCount; i++) state.lanes[i].publish();
    } else {
      at = scanStep(state, call, at, end);
      if (at == nullptr) return;
    }
    published = at;
  }
  endAt(state, call, end);
}

/** Deals with all of the call's bytes as one value, line ends and all. */
void scanValue(ScanState& state, ScanCall& call, const uint8_t* at) {
  const uint8_t* end = call.bytes + call.end;
  if (at < end && !validateLine(state, call, at, at, end)) return;
  endAt(state, call, end);
}

/** Whether the rows of outputs are none, lie elsewhere, or go back. A call may begin behind the first of them and end before the last. */
bool faultOfRows(const ScanCall& call, uint64_t from, size_t bytes) {
  double last = 0;
  for (uint32_t row = 0; row < call.rowCount; row++) {
    const double start = call.rows[size_t(row) * OUTPUT_COLUMNS];
    if (!(start >= last) || start > double(bytes)) return true;
    last = start;
  }
  return call.rowCount == 0 && from < call.end;
}

/** Whether its counters are none. */
bool isTextOverfull(const TextSink& text) {
  if (text.bytes == nullptr) return false;
  const double bytes = text.used[TEXT_USED_BYTES];
  const double rows = text.used[TEXT_USED_ROWS];
  return !(bytes >= 0 && bytes <= double(text.bytesMax) && rows >= 0 && rows <= double(text.rowsMax));
}

/** scanRun(state, bytes, start, end, from, objectOffset, slice, coordinate, sums, rejects, decide, rows, mode) */
napi_value scanRun(napi_env env, napi_callback_info info) {
  const Args<13> args(env, info);
  void* external = nullptr;
  if (napi_get_value_external(env, args[0], &external) != napi_ok) return nullptr;
  ScanSetup& setup = *static_cast<ScanSetup*>(external);
  ScanState* scratch = openScratch();
  if (scratch == nullptr) return throwNoMemory(env);
  ScanState& state = *scratch;
  static_cast<ScanSetup&>(state) = setup;
  const View<uint8_t> bytes = viewOf<uint8_t>(env, args[1]);
  const View<uint8_t> coordinate = viewOf<uint8_t>(env, args[7]);
  const View<double> sums = viewOf<double>(env, args[8]);
  ScanCall call = {};
  call.bytes = bytes.data;
  call.start = countOf(env, args[2]);
  call.end = countOf(env, args[3]);
  call.objectOffset = countOf(env, args[5]);
  call.slice = u32Of(env, args[6]);
  call.coordinate = coordinate.data;
  call.coordinateBytes = uint32_t(coordinate.length);
  const View<double> rejects = viewOf<double>(env, args[9]);
  call.rejectCells = rejects.data;
  call.rejectsMax = uint32_t(rejects.length / REJECT_COLUMNS);
  const uint64_t from = countOf(env, args[4]);
  if (call.end > bytes.length || from > call.end || call.start > from)
    return refuse(env, "Cannot scan: the piece lies outside its buffer");
  if (sums.length < SUM_CELLS) return refuse(env, "Cannot scan: the sums have no room");
  if (!isNull(env, args[11])) {
    const View<double> rows = viewOf<double>(env, args[11]);
    call.rows = rows.data;
    call.rowCount = uint32_t(rows.length / OUTPUT_COLUMNS);
    if (faultOfRows(call, from, bytes.length)) return refuse(env, "Cannot scan: the outputs lie outside their buffer");
  }
  if (call.rejectsMax == 0) return refuse(env, "Cannot scan: the rejects have no room");
  if (coordinate.length > KEY_CHARS_MAX) return refuse(env, "Cannot scan: the coordinate is longer than a key");
  if (isTextOverfull(state.text)) return refuse(env, "Cannot scan: more of the text is taken than there is");
  state.pendingCount = 0;
  if (state.shape != nullptr) beginShape(*state.shape, call, env, args[10]);
  for (uint32_t i = 0; i < state.laneCount; i++) state.lanes[i].open(state.laneBase[i], state.laneBytes[i]);
  const uint32_t mode = call.rows == nullptr ? ROWS_LINES : u32Of(env, args[12]);
  call.endsAtDamage = mode == ROWS_VALUES || mode == ROWS_VALUE;
  if (mode == ROWS_RAW) {
    call.frameFlags = FLAG_RAW;
    scanRaw(state, call, call.bytes + from);
  } else if (mode == ROWS_VALUE) {
    scanValue(state, call, call.bytes + from);
  } else if (mode == ROWS_WRITTEN && state.shape == nullptr) {
    scanWritten(state, call, call.bytes + from);
  } else {
    scanLines(state, call, call.bytes + from);
  }
  for (uint32_t i = 0; i < state.laneCount; i++) state.lanes[i].publish();
  setup.windowBytes = call.status == SCAN_LANE_FULL ? WINDOW_BYTES_LEAST : state.windowBytes;
  setup.windowCount = state.windowCount;
  setup.hasMixedNumbers = state.hasMixedNumbers;
  sums.data[SUM_STATUS] = call.status;
  sums.data[SUM_NEXT] = double(call.next - call.bytes);
  sums.data[SUM_LANE] = call.laneIndex;
  sums.data[SUM_NEED] = call.laneNeedBytes;
  sums.data[SUM_LINES] = double(call.lines);
  sums.data[SUM_BLANK] = double(call.blank);
  sums.data[SUM_REJECTED] = call.rejected;
  sums.data[SUM_RECORDS] = double(call.records);
  sums.data[SUM_BYTES] = double(call.recordBytes);
  sums.data[SUM_FILTERED] = double(uint32_t(call.leftOut));
  sums.data[SUM_UNSAMPLED] = double(call.leftOut >> 32);
  return nullptr;
}

/** scanInstructions(): names of the kernels, slowest first. */
napi_value scanInstructions(napi_env env, napi_callback_info) {
  const ScanKernels* kernels[KERNELS_MAX];
  return kernelNames(env, kernels, listKernels(kernels));
}

}  // namespace

uint32_t listKernels(const ScanKernels** list) {
  uint32_t count = 0;
  list[count++] = scanKernelsBase();
  if (const ScanKernels* kernels = scanKernelsAvx2()) list[count++] = kernels;
  if (const ScanKernels* kernels = scanKernelsAvx512()) list[count++] = kernels;
  if (const ScanKernels* kernels = scanKernelsNeon()) list[count++] = kernels;
  return count;
}

void registerScan(napi_env env, napi_value exports) {
  exportFunction(env, exports, "scanCreate", scanCreate);
  exportFunction(env, exports, "scanRun", scanRun);
  exportFunction(env, exports, "scanInstructions", scanInstructions);
}

}  // namespace millrace
