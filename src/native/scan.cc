// Scan: the scanner's door to JavaScript. The twin of src/scan/native.ts.
#include <cstdlib>
#include <cstring>
#include <new>

#include "addon.h"
#include "args.h"
#include "scan-shape.h"
#include "scan-sink.h"

#include <simdjson.h>

namespace millrace {
namespace {

constexpr uint32_t WINDOW_BYTES_LEAST = 2 * 1024;
/** Vectors may be read past the end of a name. */
constexpr size_t NAME_SLACK = 64;

void freeSetup(ScanSetup* setup) {
  if (setup == nullptr) return;
  closeShape(setup->shape);
  std::free(setup->tokens);
  std::free(setup->names);
  std::free(setup->laneBase);
  std::free(setup->laneBytes);
  std::free(setup->laneStarts);
  std::free(setup->lanes);
  std::free(setup->depthStack);
  std::free(setup);
}

void finalizeSetup(napi_env, void* data, void*) { freeSetup(static_cast<ScanSetup*>(data)); }

/** The thread's scratch, made when its first scanner is, and freed with the thread. */
struct ThreadScratch {
  ScanState* state = nullptr;
  ~ThreadScratch() { std::free(state); }
};
thread_local ThreadScratch threadScratch;

/** @returns Null without memory. */
ScanState* openScratch() {
  if (threadScratch.state != nullptr) return threadScratch.state;
  const size_t bytes = (sizeof(ScanState) + 63) & ~size_t(63);
  void* memory = std::aligned_alloc(64, bytes);
  if (memory == nullptr) return nullptr;
  std::memset(memory, 0, bytes);
  threadScratch.state = static_cast<ScanState*>(memory);
  return threadScratch.state;
}

uint32_t lengthOf(napi_env env, napi_value array) {
  uint32_t length = 0;
  if (array != nullptr) napi_get_array_length(env, array, &length);
  return length;
}

View<uint8_t> elementOf(napi_env env, napi_value array, uint32_t index) {
  napi_value element;
  if (napi_get_element(env, array, index, &element) != napi_ok) return {};
  return viewOf<uint8_t>(env, element);
}

/** Whether a name is written in JSON as it is: nothing in it must be escaped. */
bool isPlainName(const uint8_t* name, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) {
    if (name[i] < 0x20 || name[i] == '"' || name[i] == '\\') return false;
  }
  return true;
}

void readIndex(PointerToken& token) {
  token.isIndex = token.nameBytes > 0 && (token.nameBytes == 1 || token.name[0] != '0');
  uint64_t index = 0;
  for (uint32_t i = 0; i < token.nameBytes && token.isIndex; i++) {
    const uint8_t byte = token.name[i];
    if (byte < '0' || byte > '9') token.isIndex = false;
    index = index * 10 + (byte - '0');
    // No line has that many elements.
    if (index > 0xffffffffu) index = 0xffffffffu;
  }
  token.index = uint32_t(index);
}

/** Copies both pointers' tokens into memory of the state. @returns False without memory. */
bool readPointers(napi_env env, ScanSetup& state, napi_value keyTokens, napi_value hashTokens) {
  const napi_value arrays[2] = {state.hasKey ? keyTokens : nullptr, state.hasHashKey ? hashTokens : nullptr};
  const uint32_t counts[2] = {lengthOf(env, arrays[0]), lengthOf(env, arrays[1])};
  size_t namesBytes = NAME_SLACK;
  for (int which = 0; which < 2; which++) {
    for (uint32_t i = 0; i < counts[which]; i++) namesBytes += elementOf(env, arrays[which], i).length + NAME_SLACK;
  }
  state.tokens = static_cast<PointerToken*>(std::calloc(counts[0] + counts[1] + 1, sizeof(PointerToken)));
  state.names = static_cast<uint8_t*>(std::calloc(namesBytes, 1));
  if (state.tokens == nullptr || state.names == nullptr) return false;
  uint8_t* name = state.names;
  PointerToken* token = state.tokens;
  state.key = {token, counts[0]};
  state.hashKey = {token + counts[0], counts[1]};
  state.isKeyPlain = true;
  for (int which = 0; which < 2; which++) {
    for (uint32_t i = 0; i < counts[which]; i++, token++) {
      const View<uint8_t> bytes = elementOf(env, arrays[which], i);
      if (bytes.length > 0) std::memcpy(name, bytes.data, bytes.length);
      token->name = name;
      token->nameBytes = uint32_t(bytes.length);
      readIndex(*token);
      if (which == 0 && !isPlainName(name, token->nameBytes)) state.isKeyPlain = false;
      name += bytes.length + NAME_SLACK;
    }
  }
  if (state.key.tokenCount <= NAME_STARTS_MAX) {
    for (uint32_t i = 0; i < state.key.tokenCount; i++) {
      // Behind the opening quote of the empty name stands the closing one.
      state.nameStarts[i] = state.key.tokens[i].nameBytes == 0 ? '"' : state.key.tokens[i].name[0];
    }
    state.nameStartCount = state.key.tokenCount;
  }
  return true;
}

/** @returns Why the lanes cannot be written, or null. */
const char* faultOfLanes(napi_env env, napi_value lanes, napi_value starts) {
  const uint32_t count = lengthOf(env, lanes);
  if (viewOf<uint64_t>(env, starts).length < 2 * size_t(count)) return "Cannot open the native scanner: a lane has no start";
  for (uint32_t i = 0; i < count; i++) {
    if (!isLaneSize(elementOf(env, lanes, i).length)) return "Cannot open the native scanner: what should be a lane is none";
  }
  return nullptr;
}

bool readLanes(napi_env env, ScanSetup& state, napi_value lanes, napi_value starts) {
  const uint32_t count = lengthOf(env, lanes);
  state.laneCount = count;
  state.laneBase = static_cast<uint8_t**>(std::calloc(count + 1, sizeof(uint8_t*)));
  state.laneBytes = static_cast<size_t*>(std::calloc(count + 1, sizeof(size_t)));
  state.laneStarts = static_cast<uint64_t*>(std::calloc(count + 1, 2 * sizeof(uint64_t)));
  state.lanes = static_cast<LaneWriter*>(std::calloc(count + 1, sizeof(LaneWriter)));
  if (!state.laneBase || !state.laneBytes || !state.laneStarts || !state.lanes) return false;
  const View<uint64_t> from = viewOf<uint64_t>(env, starts);
  if (count > 0) std::memcpy(state.laneStarts, from.data, 2 * sizeof(uint64_t) * count);
  for (uint32_t i = 0; i < count; i++) {
    const View<uint8_t> lane = elementOf(env, lanes, i);
    state.laneBase[i] = lane.data;
    state.laneBytes[i] = lane.length;
  }
  return true;
}

bool isNull(napi_env env, napi_value value) {
  napi_valuetype type = napi_null;
  napi_typeof(env, value, &type);
  return type == napi_null || type == napi_undefined;
}

double doubleOf(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

napi_value throwNoMemory(napi_env env) {
  napi_throw_range_error(env, nullptr, "Cannot open the native scanner: out of memory");
  return nullptr;
}

/** With the slowest kernel of the scanner the slowest one of the hashes, with the one before the fastest the one before the fastest. */
const Sha256Kernel* hasherFor(uint32_t kernel, uint32_t kernelCount) {
  const Sha256Kernel* list[SHA256_KERNELS_MAX];
  const uint32_t count = listSha256(list);
  return kernel == 0 && kernelCount > 1 ? list[0] : list[count - (kernelCount - kernel)];
}

/** Reads the stages, if there are any. @returns False without memory, or where they cannot be read. */
bool readShape(napi_env env, ScanSetup& state, napi_value program, const Sha256Kernel* hasher) {
  if (isNull(env, program)) return true;
  const View<uint8_t> bytes = viewOf<uint8_t>(env, program);
  state.shape = openShape(bytes.data, bytes.length, hasher);
  if (state.shape == nullptr) return false;
  state.nameStartCount = namesOf(*state.shape, state.nameStarts);
  return true;
}

/** scanCreate(keyTokens, hashTokens, flags, depthMax, recordBytesMax, keyCharsMax, lanes, starts, instructions, program) */
napi_value scanCreate(napi_env env, napi_callback_info info) {
  const Args<10> args(env, info);
  const uint64_t keyCharsMax = countOf(env, args[5]);
  if (keyCharsMax > KEY_CHARS_MAX) return refuse(env, "Cannot open the native scanner: keys may be longer than it has room for");
  if (const char* fault = faultOfLanes(env, args[6], args[7])) return refuse(env, fault);
  auto* state = static_cast<ScanSetup*>(std::calloc(1, sizeof(ScanSetup)));
  if (state == nullptr) return throwNoMemory(env);
  const ScanKernels* kernels[KERNELS_MAX];
  const uint32_t kernelCount = listKernels(kernels);
  const double wanted = doubleOf(env, args[8]);
  const uint32_t kernel = wanted >= 0 && wanted < kernelCount ? uint32_t(wanted) : kernelCount - 1;
  state->kernels = kernels[kernel];
  state->hasKey = !isNull(env, args[0]);
  state->hasHashKey = !isNull(env, args[1]);
  const uint32_t flags = u32Of(env, args[2]);
  state->appendsNewline = (flags & RULE_APPEND_NEWLINE) != 0;
  state->usesPositionalKeys = (flags & RULE_POSITIONAL_KEYS) != 0;
  const uint64_t depthMax = countOf(env, args[3]);
  state->depthMax = depthMax < 2147483647u ? uint32_t(depthMax) : 2147483647u;
  // No lane holds more; a frame's size has 32 bits.
  const uint64_t recordBytesMax = countOf(env, args[4]);
  state->recordBytesMax = recordBytesMax < LANE_CAPACITY_BYTES_MAX ? recordBytesMax : LANE_CAPACITY_BYTES_MAX;
  state->keyCharsMax = uint32_t(keyCharsMax);
  state->windowBytes = WINDOW_BYTES;
  // Untouched memory costs nothing: of a high limit only the depth that lines have is ever used.
  state->depthStack = static_cast<uint64_t*>(std::calloc(size_t(state->depthMax) / 64 + 2, sizeof(uint64_t)));
  const bool isWhole = openScratch() != nullptr && state->depthStack != nullptr && readPointers(env, *state, args[0], args[1]) &&
                       readLanes(env, *state, args[6], args[7]) &&
                       readShape(env, *state, args[9], hasherFor(kernel, kernelCount));
  napi_value external;
  if (!isWhole || napi_create_external(env, state, finalizeSetup, nullptr, &external) != napi_ok) {
    freeSetup(state);
    return throwNoMemory(env);
  }
  return external;
}

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
  const auto scanWindow = state.shape == nullptr ? state.kernels->scanWindow : state.kernels->scanShaped;
  while (at < end) {
    bool isLong;
    const uint8_t* windowEnd = findWindowEnd(state, at, end, isLong);
    if (isLong) {
      if (!validateLine(state, call, at, at, windowEnd)) return;
      at = windowEnd < end ? windowEnd + 1 : end;
      continue;
    }
    if (!scanWindow(state, call, at, uint32_t(windowEnd - at))) return;
    at = windowEnd;
    if (state.windowBytes < WINDOW_BYTES) state.windowBytes *= 2;
    // Readers need not wait for the end of a long piece.
    for (uint32_t i = 0; i < state.laneCount; i++) state.lanes[i].publish();
  }
  if (!flushRecords(state, call)) return;
  countOthers(call, call.blankBefore, call.filteredBefore);
  call.next = end;
}

/** Deals with all of the call's bytes as one value, line ends and all. */
void scanValue(ScanState& state, ScanCall& call, const uint8_t* at) {
  const uint8_t* end = call.bytes + call.end;
  if (at < end && !validateLine(state, call, at, at, end)) return;
  if (!flushRecords(state, call)) return;
  countOthers(call, call.blankBefore, call.filteredBefore);
  call.next = end;
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
  sums.data[SUM_FILTERED] = double(call.filtered);
  return nullptr;
}

/** scanInstructions(): names of the kernels, slowest first. */
napi_value scanInstructions(napi_env env, napi_callback_info) {
  const ScanKernels* kernels[KERNELS_MAX];
  const uint32_t count = listKernels(kernels);
  napi_value list;
  napi_create_array_with_length(env, count, &list);
  for (uint32_t i = 0; i < count; i++) {
    napi_value name;
    napi_create_string_utf8(env, kernels[i]->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, i, name);
  }
  return list;
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
