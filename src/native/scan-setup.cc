// Scan setup: opens a scanner: reads its rules, pointers, lanes and stages. What it holds is freed with the JavaScript object that holds it.
#include "scan-setup.h"

#include <cstdlib>
#include <cstring>

#include "args.h"
#include "scan-shape.h"
#include "scan-sink.h"

namespace millrace {
namespace {

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

/** Made when the thread's first scanner is, and freed with the thread. */
struct ThreadScratch {
  ScanState* state = nullptr;
  ~ThreadScratch() { std::free(state); }
};
thread_local ThreadScratch threadScratch;

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

/** @returns Why lines cannot go to the text, or null. */
const char* readText(napi_env env, ScanSetup& state, napi_value text, napi_value rows, napi_value used) {
  if (isNull(env, text)) return nullptr;
  const View<uint8_t> bytes = viewOf<uint8_t>(env, text);
  const View<double> cells = viewOf<double>(env, rows);
  const View<double> counters = viewOf<double>(env, used);
  const size_t rowsMax = cells.length / LINE_COLUMNS;
  if (counters.length < TEXT_CELLS) return "Cannot open the native scanner: the text has no counters";
  if (bytes.length == 0 || rowsMax == 0 || rowsMax > UINT32_MAX) return "Cannot open the native scanner: the text has no room";
  state.text = {bytes.data, bytes.length, cells.data, uint32_t(rowsMax), counters.data};
  return nullptr;
}

double doubleOf(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

/** With the slowest kernel of the scanner the slowest one of the hashes, with the one before the fastest the one before the fastest. */
const Sha256Kernel* hasherFor(uint32_t kernel, uint32_t kernelCount) {
  const Sha256Kernel* list[SHA256_KERNELS_MAX];
  const uint32_t count = listSha256(list);
  return kernel == 0 && kernelCount > 1 ? list[0] : list[count - (kernelCount - kernel)];
}

/** Reads the stages, if there are any. @returns False without memory, or where they cannot be read. */
bool readShape(napi_env env, ScanSetup& state, napi_value program, napi_value times, const Sha256Kernel* hasher) {
  if (isNull(env, program)) return true;
  const View<uint8_t> bytes = viewOf<uint8_t>(env, program);
  const View<double> cells = viewOf<double>(env, times);
  state.shape = openShape(bytes.data, bytes.length, hasher, cells.length < STAGE_TIME_CELLS ? nullptr : cells.data);
  if (state.shape == nullptr) return false;
  state.nameStartCount = namesOf(*state.shape, state.nameStarts);
  return true;
}

}  // namespace

ScanState* openScratch() {
  if (threadScratch.state != nullptr) return threadScratch.state;
  const size_t bytes = (sizeof(ScanState) + 63) & ~size_t(63);
  void* memory = std::aligned_alloc(64, bytes);
  if (memory == nullptr) return nullptr;
  std::memset(memory, 0, bytes);
  threadScratch.state = static_cast<ScanState*>(memory);
  return threadScratch.state;
}

napi_value throwNoMemory(napi_env env) {
  napi_throw_range_error(env, nullptr, "Cannot open the native scanner: out of memory");
  return nullptr;
}

napi_value scanCreate(napi_env env, napi_callback_info info) {
  const Args<14> args(env, info);
  const uint64_t keyCharsMax = countOf(env, args[5]);
  if (keyCharsMax > KEY_CHARS_MAX) return refuse(env, "Cannot open the native scanner: keys may be longer than it has room for");
  if (const char* fault = faultOfLanes(env, args[6], args[7])) return refuse(env, fault);
  auto* state = static_cast<ScanSetup*>(std::calloc(1, sizeof(ScanSetup)));
  if (state == nullptr) return throwNoMemory(env);
  if (const char* fault = readText(env, *state, args[10], args[11], args[12])) {
    freeSetup(state);
    return refuse(env, fault);
  }
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
                       readShape(env, *state, args[9], args[13], hasherFor(kernel, kernelCount));
  napi_value external;
  if (!isWhole || napi_create_external(env, state, finalizeSetup, nullptr, &external) != napi_ok) {
    freeSetup(state);
    return throwNoMemory(env);
  }
  return external;
}

}  // namespace millrace
