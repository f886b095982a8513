// Scan shape: see scan-shape.h.
#include "scan-shape.h"

namespace millrace {
namespace {

constexpr uint64_t ARENA_BYTES = 256 * 1024;

/** Every bit of the result depends on every bit of the number. The twin of src/shape/prefix/sample.ts. */
uint32_t mix(uint32_t bits) {
  bits ^= bits >> 16;
  bits *= 0x7feb352du;
  bits ^= bits >> 15;
  bits *= 0x846ca68bu;
  return bits ^ (bits >> 16);
}

}  // namespace

ShapeState* openShape(const uint8_t* program, size_t length, const Sha256Kernel* hasher, double* times) {
  auto* shape = static_cast<ShapeState*>(std::calloc(1, sizeof(ShapeState)));
  if (shape == nullptr) return nullptr;
  if (!readProgram(shape->program, program, length)) {
    closeShape(shape);
    return nullptr;
  }
  // Where no object is open yet: a place without children.
  shape->nodeAt[0] = SHAPE_NODES_MAX;
  shape->containerAt[0] = SHAPE_NONE;
  shape->hashes.kernel = hasher;
  shape->clock.times = times;
  return shape;
}

void closeShape(ShapeState* shape) {
  if (shape == nullptr) return;
  freeProgram(shape->program);
  shape->finds.hits.release();
  shape->finds.opened.release();
  for (LinePattern& pattern : shape->known.patterns) {
    pattern.finds.hits.release();
    pattern.finds.opened.release();
  }
  shape->splices.release();
  shape->scratch.release();
  shape->tokens.bytes.release();
  shape->tokens.at.release();
  std::free(shape->arena);
  std::free(shape);
}

uint32_t namesOf(const ShapeState& shape, uint8_t* starts) {
  static_assert(SHAPED_STARTS_MAX == SHAPE_STARTS_MAX);
  std::memcpy(starts, shape.program.starts, SHAPE_STARTS_MAX);
  return shape.program.startCount;
}

void beginShape(ShapeState& shape, const ScanCall& call, napi_env env, napi_value decide) {
  uint32_t seed = 2166136261u;
  for (uint32_t i = 0; i < call.coordinateBytes; i++) seed = (seed ^ call.coordinate[i]) * 16777619u;
  shape.sampleSeed = seed;
  shape.env = env;
  shape.decide = decide;
  shape.arenaUsed = 0;
  shape.hashes.count = 0;
}

bool isSampled(ScanState& state, ScanCall& call, const uint8_t* line) {
  ShapeState& shape = *state.shape;
  const uint64_t startTicks = shape.clock.isRunning ? readTicks() : 0;
  const uint64_t offset = originOf(call, line, call.sampleRow).offset;
  const uint32_t number = mix(mix(shape.sampleSeed ^ uint32_t(offset)) + uint32_t(offset >> 32) * 0x9e3779b9u);
  if (shape.clock.isRunning) [[unlikely]] shape.clock.stop(STAGE_TIME_SAMPLE, startTicks);
  return number < shape.program.sampleBelow;
}

bool shapeLine(ScanState& state, ScanCall& call, const uint8_t* line, const uint8_t* lineEnd, const uint8_t* data,
               const uint8_t* dataEnd) {
  ShapeState& shape = *state.shape;
  if (!tokenize(shape.tokens, data, dataEnd)) return endWithoutMemory(state, call, line);
  const LineTokens<uint32_t> tokens = {shape.tokens.bytes.items, shape.tokens.at.items, data, 0, shape.tokens.bytes.count - 1, dataEnd, true};
  findPlaces(shape.program, tokens, shape.finds);
  if (shape.finds.lacksMemory) return endWithoutMemory(state, call, line);
  return sinkShaped(state, call, {line, lineEnd}, {data, dataEnd}, tokens, shape.finds);
}

Verdict askVerdict(ScanState& state, ScanCall& call, const uint8_t* line, ByteRange data) {
  ShapeState& shape = *state.shape;
  napi_env env = shape.env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    napi_value undefined, result, range[3];
    uint32_t verdict = VERDICT_UNKNOWN;
    const bool isAsked = napi_get_undefined(env, &undefined) == napi_ok &&
                         napi_create_double(env, double(line - call.bytes), &range[0]) == napi_ok &&
                         napi_create_double(env, double(data.start - call.bytes), &range[1]) == napi_ok &&
                         napi_create_double(env, double(data.end - call.bytes), &range[2]) == napi_ok &&
                         napi_call_function(env, undefined, shape.decide, 3, range, &result) == napi_ok &&
                         napi_get_value_uint32(env, result, &verdict) == napi_ok;
    napi_close_handle_scope(env, scope);
    if (isAsked && verdict < VERDICT_UNKNOWN) return Verdict(verdict);
  }
  // It has thrown, which it never does unless the thread is being ended: what it threw leaves with this call.
  endBefore(state, call, line, SCAN_REJECTS_FULL);
  return VERDICT_UNKNOWN;
}

bool endWithoutMemory(ScanState& state, ScanCall& call, const uint8_t* line) {
  napi_throw_range_error(state.shape->env, nullptr, "Cannot shape a line: out of memory");
  return endBefore(state, call, line, SCAN_REJECTS_FULL);
}

uint8_t* takeArena(ScanState& state, ScanCall& call, const uint8_t* line, uint64_t bytes) {
  ShapeState& shape = *state.shape;
  if (state.pendingCount == 0) {
    shape.arenaUsed = 0;
    // Of a line that has become no record.
    shape.hashes.count = 0;
  }
  if (shape.arenaUsed + bytes > shape.arenaBytes) {
    if (!flushRecords(state, call)) return nullptr;
    shape.arenaUsed = 0;
    if (bytes > shape.arenaBytes) {
      const uint64_t wanted = bytes < ARENA_BYTES ? ARENA_BYTES : bytes;
      void* grown = std::realloc(shape.arena, wanted);
      if (grown == nullptr) {
        endWithoutMemory(state, call, line);
        return nullptr;
      }
      shape.arena = static_cast<uint8_t*>(grown);
      shape.arenaBytes = wanted;
    }
  }
  return shape.arena + shape.arenaUsed;
}

}  // namespace millrace
