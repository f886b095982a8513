// Scan shape: the stages between a valid line and its record, in the scanner: sample, where, edits. Each line ends here as a record, as
// filtered or as a reject. The windowed scanner brings the places of most lines with it; the others are searched here.
#pragma once

#include <node_api.h>

#include "scan-sink.h"
#include "shape-clock.h"
#include "shape-edit.h"
#include "shape-pattern.h"
#include "shape-where.h"

namespace millrace {

struct ShapeState {
  ShapeProgram program;
  ShapeFinds finds;
  SpliceList splices;
  TextScratch scratch;
  OwnTokens tokens;
  /** While a window is walked: the places whose objects are open, the root's at 1, and their numbers in `finds.opened`. */
  uint32_t nodeAt[SHAPE_NODES_MAX + 2];
  uint32_t containerAt[SHAPE_NODES_MAX + 2];
  /** Of each place: which of its children is looked for first. Most lines name them in the order of the line before. */
  uint32_t nextChild[SHAPE_NODES_MAX + 1];
  /** Names that were compared in the line that is walked, and how lines before it were made. */
  SeenNames seen;
  LinePatterns known;
  /** What the edits have made of pending records. */
  uint8_t* arena;
  uint64_t arenaBytes;
  uint64_t arenaUsed;
  /** Values of those records that are still to be hashed. */
  HashJobs hashes;
  /** How long the stages take. */
  StageClock clock;
  /** Of the present call. */
  uint32_t sampleSeed;
  napi_env env;
  napi_value decide;
};

/**
 * @param hasher By which values are hashed. @param times STAGE_TIME_CELLS of them, those of JavaScript, or null: nobody asks for them.
 * @returns Null without memory, or where the bytes are not a program.
 */
ShapeState* openShape(const uint8_t* program, size_t length, const Sha256Kernel* hasher, double* times);
void closeShape(ShapeState* shape);
/** First bytes of all names, SHAPED_STARTS_MAX at most. @returns How many; 0 where there are more. */
uint32_t namesOf(const ShapeState& shape, uint8_t* starts);
/** @param decide JavaScript that is asked about a line: (line, start, end), indexes of its bytes, gives a Verdict. */
void beginShape(ShapeState& shape, const ScanCall& call, napi_env env, napi_value decide);

/** Whether the line at this place is one of the sample. There is a sample. */
bool isSampled(ScanState& state, ScanCall& call, const uint8_t* line);

/** Takes one valid line whose places are not known. @returns False when the call has ended. */
bool shapeLine(ScanState& state, ScanCall& call, const uint8_t* line, const uint8_t* lineEnd, const uint8_t* data,
               const uint8_t* dataEnd);

/** Asks JavaScript. @returns VERDICT_UNKNOWN when the call has ended. */
Verdict askVerdict(ScanState& state, ScanCall& call, const uint8_t* line, ByteRange data);
/** Ends the call before this line: there is no memory for it. */
bool endWithoutMemory(ScanState& state, ScanCall& call, const uint8_t* line);
/** Room for bytes that have to last until the records are flushed. @returns Null when the call has ended. */
uint8_t* takeArena(ScanState& state, ScanCall& call, const uint8_t* line, uint64_t bytes);

template <typename Position, bool IsTimed>
inline bool sinkShapedAs(ScanState& state, ScanCall& call, ByteRange line, ByteRange data, const LineTokens<Position>& tokens,
                         ShapeFinds& finds) {
  ShapeState& shape = *state.shape;
  const ShapeProgram& program = shape.program;
  if (program.rootOp != SHAPE_NONE) {
    const uint64_t startTicks = IsTimed ? readTicks() : 0;
    Verdict verdict = Condition<Position>{program, tokens, finds, shape.scratch}.evaluate(program.rootOp);
    if (verdict == VERDICT_UNKNOWN) {
      verdict = askVerdict(state, call, line.start, data);
      if (verdict == VERDICT_UNKNOWN) return false;
    }
    if (IsTimed) shape.clock.stop(STAGE_TIME_WHERE, startTicks);
    if (verdict == VERDICT_ERROR && program.onError == ERROR_REJECT) return addReject(state, call, line.start, line.end, REJECT_FILTER);
    if (verdict != VERDICT_MATCH && !(verdict == VERDICT_ERROR && program.onError == ERROR_KEEP)) {
      call.leftOutBefore += FILTERED;
      return true;
    }
  }
  ByteRange out = data;
  shape.hashes.watchedOut = nullptr;
  if (program.hasEdits) {
    const uint64_t startTicks = IsTimed ? readTicks() : 0;
    if (!EditedLine<Position>{program, tokens, finds, shape.splices}.plan()) return endWithoutMemory(state, call, line.start);
    if (shape.splices.count > 0) {
      const uint64_t bytesMax = splicedBytesMax(program, shape.splices, uint64_t(data.end - data.start));
      uint8_t* room = takeArena(state, call, line.start, bytesMax);
      if (room == nullptr) return false;
      const bool isKeyHashed = program.keyEdit == KEY_EDIT_HASH && finds.has(program.keyNode);
      shape.hashes.watched = isKeyHashed ? tokens.start(finds.valueAt[program.keyNode]) : nullptr;
      const uint32_t bytes = writeSplices(program, shape.splices, data, shape.hashes, room);
      shape.arenaUsed += bytes;
      out = {room, room + bytes};
      // Whoever reads what the edits have made cannot wait.
      const bool isRead = state.hasHashKey || (state.hasKey && (program.keyNode == SHAPE_NONE || program.keyEdit == KEY_EDIT_ANY));
      if (isRead) shape.hashes.run(program.hashKey);
    }
    if (IsTimed) shape.clock.stop(STAGE_TIME_EDITS, startTicks);
  }
  RecordKey key;
  key.key = nullptr;
  if (state.hasKey) {
    bool isUsable = false;
    if (program.keyNode == SHAPE_NONE || (program.keyEdit == KEY_EDIT_ANY && out.start != data.start)) {
      isUsable = findKey(state, out.start, out.end, key);
    } else if (shape.hashes.watchedOut != nullptr) {
      const uint8_t* text = shape.hashes.watchedOut;
      isUsable = toKey(state, text + 1, text + HASH_TEXT_BYTES - 1, false, key);
    } else if (finds.has(program.keyNode)) {
      const uint32_t token = finds.valueAt[program.keyNode];
      const uint8_t kind = tokens.bytes[token];
      if (kind == '"') {
        const ByteRange value = tokens.value(token);
        const bool hasEscapes = tokens.mayEscape && std::memchr(value.start, '\\', size_t(value.end - value.start)) != nullptr;
        isUsable = toKey(state, value.start + 1, value.end - 1, hasEscapes, key);
      } else if (kind != '{' && kind != '[' && kind != 'n') {
        const ByteRange value = tokens.value(token);
        isUsable = toKey(state, value.start, value.end, false, key);
      }
    }
    if (!isUsable) key.key = nullptr;
  }
  return addRecord(state, call, line.start, line.end, out.start, out.end, key);
}

/** A line of the few whose time is measured. Apart, so that all others are not made slower by it. */
template <typename Position>
[[gnu::noinline, gnu::cold]] bool sinkTimed(ScanState& state, ScanCall& call, ByteRange line, ByteRange data,
                                            const LineTokens<Position>& tokens, ShapeFinds& finds) {
  return sinkShapedAs<Position, true>(state, call, line, data, tokens, finds);
}

/** Takes one valid line whose places are in `finds`. @returns False when the call has ended. */
template <typename Position>
inline bool sinkShaped(ScanState& state, ScanCall& call, ByteRange line, ByteRange data, const LineTokens<Position>& tokens,
                       ShapeFinds& finds) {
  if (state.shape->clock.isRunning) [[unlikely]] return sinkTimed(state, call, line, data, tokens, finds);
  return sinkShapedAs<Position, false>(state, call, line, data, tokens, finds);
}

}  // namespace millrace
