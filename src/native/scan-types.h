// Scan types: what the files of the native scanner share. A scanner owns its rules and lanes, a few hundred bytes; the large
// scratch memory belongs to the thread, because nothing in it outlives a call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "constants.h"
#include "frame.h"
#include "json-line.h"

namespace millrace {

/**
 * Lines are looked at in windows of whole lines: small enough that all that is noted about one stays in the nearest cache, and
 * that positions fit into 16 bits.
 */
constexpr uint32_t WINDOW_BYTES = 32 * 1024;
/** Notes may be written in whole vectors past the last one. */
constexpr uint32_t WINDOW_SLACK = 128;
/** Doubtful places noted in one window; with more of them every line of the window is doubted. */
constexpr uint32_t DOUBTS_MAX = 1024;
/** Records whose keys are hashed together. */
constexpr uint32_t GROUP_RECORDS = 32;
/** Longer pointers compare every name in full. */
constexpr uint32_t NAME_STARTS_MAX = 4;
/** Of all names of a program. */
constexpr uint32_t SHAPED_STARTS_MAX = 8;

/** Lines that stages have left out: how many, and in the upper half those of them that are not of the sample. One call has far fewer than either holds. */
using LeftOut = uint64_t;
constexpr LeftOut FILTERED = 1;
constexpr LeftOut UNSAMPLED = FILTERED | LeftOut(1) << 32;

/** A record between being recognised and being written. Points into the piece, or into the state's key scratch. */
struct PendingRecord {
  const uint8_t* line;
  const uint8_t* data;
  const uint8_t* key;
  uint64_t hashHigh;
  uint64_t hashLow;
  uint32_t dataBytes;
  uint32_t blankBefore;
  LeftOut leftOutBefore;
  uint16_t keyBytes;
  uint8_t flags;
};

/** One call of scanRun. */
struct ScanCall {
  const uint8_t* bytes;
  uint64_t start;
  uint64_t end;
  uint64_t objectOffset;
  uint32_t slice;
  const uint8_t* coordinate;
  uint32_t coordinateBytes;
  /**
   * Where the bytes are what stages have made of lines, or values that stood side by side: rows of OUTPUT_COLUMNS, by the start of what they stand for; null elsewhere.
   * The rows of the record whose key is made, and of the one that is written: both only move on.
   */
  const double* rows;
  uint32_t rowCount;
  uint32_t keyRow;
  uint32_t frameRow;
  /** What every frame of this call has. */
  uint8_t frameFlags;
  uint32_t sampleRow;
  /** The lines are values that nobody has judged: the first that is no JSON ends the call. */
  bool endsAtDamage;
  double* rejectCells;
  uint32_t rejectsMax;
  /** Where the caller has to go on; set where scanning stops early. */
  const uint8_t* next;
  uint32_t status;
  uint32_t laneIndex;
  uint32_t laneNeedBytes;
  uint64_t lines, blank;
  LeftOut leftOut;
  uint64_t records, recordBytes;
  uint32_t rejected;
  /** Blank lines, and those that were filtered out, since the last record or reject. */
  uint32_t blankBefore;
  LeftOut leftOutBefore;
};

/** One call of cutValues: the values of bytes[start, end), each to become a line. */
struct CutCall {
  const uint8_t* bytes;
  uint64_t start;
  uint64_t end;
  /** Of bytes[0]. */
  uint64_t objectOffset;
  /** The object ends at `end`. */
  bool isLast;
  /** FRAME_: where the call begins, and then where it has ended. */
  uint32_t state;
  /** The values, each ended by a newline. */
  uint8_t* lines;
  uint64_t linesBytes;
  uint64_t linesUsed;
  /** A row of OUTPUT_COLUMNS a value, as the scanner takes them; and VALUE_: whether it has line ends of its own. */
  double* rows;
  uint8_t* kinds;
  uint32_t rowsMax;
  uint32_t count;
  /** Why the call has ended (CUT_), and what comes next: a value that is not whole, what cannot stand there, or the end. */
  uint32_t stop;
  uint64_t next;
};

struct ScanState;
struct ShapeState;

/** Where a record's line lies, and which of its outputs the record is. */
struct LineOrigin {
  uint64_t offset;
  uint32_t output;
};

/** @param row Of this call: where the last search ended. */
inline LineOrigin originOf(const ScanCall& call, const uint8_t* line, uint32_t& row) {
  // Signed: to and from doubles these are one instruction.
  const int64_t at = line - call.bytes;
  if (call.rows == nullptr) return {call.objectOffset + (uint64_t(at) - call.start), 0};
  const double place = double(at);
  while (row + 1 < call.rowCount && call.rows[size_t(row + 1) * OUTPUT_COLUMNS] <= place) row++;
  const double* cells = call.rows + size_t(row) * OUTPUT_COLUMNS;
  return {uint64_t(int64_t(cells[1])), uint32_t(int64_t(cells[2]))};
}

/** What is compiled once for each instruction set. */
struct ScanKernels {
  const char* name;
  /**
   * Deals with the whole lines window[0, windowBytes); the last may lack its newline.
   * @returns False when the call has to end: its status says why.
   */
  bool (*scanWindow)(ScanState&, ScanCall&, const uint8_t* window, uint32_t windowBytes);
  /** The same for a scanner with stages. */
  bool (*scanShaped)(ScanState&, ScanCall&, const uint8_t* window, uint32_t windowBytes);
  /**
   * MD5 of padded messages of one block each, of which only the first `wordCount` words and the length are not zero.
   * @param count How many, at most GROUP_RECORDS; more digests than that may be written.
   */
  void (*hashGroup)(const uint32_t (*blocks)[16], uint32_t count, uint32_t wordCount, uint32_t (*digests)[GROUP_RECORDS]);
  /** Makes lines of values that stand side by side. */
  void (*cutValues)(CutCall&);
};

/** The kernels that run on this machine, slowest first. @returns How many. */
constexpr uint32_t KERNELS_MAX = 3;
uint32_t listKernels(const ScanKernels** list);

const ScanKernels* scanKernelsBase();
/** Null where the machine or the compiler lacks the instructions. */
const ScanKernels* scanKernelsAvx2();
const ScanKernels* scanKernelsAvx512();
const ScanKernels* scanKernelsNeon();

/** Where lines go in place of lanes: into one text, each with a comma behind it. The arrays are those of JavaScript. */
struct TextSink {
  /** Null where lines go to lanes. */
  uint8_t* bytes;
  uint64_t bytesMax;
  /** A row of LINE_COLUMNS a line. */
  double* rows;
  uint32_t rowsMax;
  /** TEXT_: what is taken of both. Whoever has read them sets them back. */
  double* used;
};

/** What a scanner keeps between calls. */
struct ScanSetup {
  const ScanKernels* kernels;

  // Rules.
  bool hasKey;
  bool hasHashKey;
  bool appendsNewline;
  bool usesPositionalKeys;
  /** Whether the window's own search can follow the key pointer: no name needs an escape. */
  bool isKeyPlain;
  /** First bytes of the pointer's names, by which most other names are told apart; 0 of them if the pointer is too long. */
  uint32_t nameStartCount;
  uint8_t nameStarts[SHAPED_STARTS_MAX];
  uint32_t depthMax;
  uint64_t recordBytesMax;
  /** Unicode characters of the longest key, KEY_CHARS_MAX at most. */
  uint32_t keyCharsMax;
  JsonPointer key;
  JsonPointer hashKey;
  /** Stages between a valid line and its record (scan-shape.h), or null. Owned. */
  ShapeState* shape;
  /** Owned memory behind both pointers. */
  PointerToken* tokens;
  uint8_t* names;

  // Lanes.
  uint32_t laneCount;
  uint8_t** laneBase;
  size_t* laneBytes;
  uint64_t* laneStarts;
  LaneWriter* lanes;
  /** In place of lanes. */
  TextSink text;

  /** One bit a level, for isJson. */
  uint64_t* depthStack;
  /** Size of the next window: it shrinks after a full lane, because what was found beyond it is lost. */
  uint32_t windowBytes;
  /** Windows seen, and whether the last one that was asked had many numbers that are not plain integers. Both only for speed. */
  uint32_t windowCount;
  bool hasMixedNumbers;
};

/** A scanner at work: its setup, and the thread's scratch. */
struct ScanState : ScanSetup {
  // Records on their way.
  uint32_t pendingCount;
  PendingRecord pending[GROUP_RECORDS];
  uint8_t keyScratch[GROUP_RECORDS][KEY_BYTES_MAX];
  alignas(64) uint32_t blocks[GROUP_RECORDS][16];
  alignas(64) uint32_t digests[4][GROUP_RECORDS];

  // What is noted about a window: its tokens in order (their byte, the byte behind it, where it stands) and
  // where there is doubt.
  uint32_t doubtCount;
  uint16_t doubts[DOUBTS_MAX];
  alignas(64) uint8_t tokenBytes[WINDOW_BYTES + WINDOW_SLACK];
  alignas(64) uint8_t tokenNext[WINDOW_BYTES + WINDOW_SLACK];
  alignas(64) uint16_t tokenAt[WINDOW_BYTES + WINDOW_SLACK];
};

}  // namespace millrace
