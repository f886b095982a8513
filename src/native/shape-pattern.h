// Shape pattern: how lines before were made, which tokens and which names, so that the next one can be told to be made the same way as one
// of them by comparing, not by walking. Then all places are where they were.
#pragma once

#include "shape-line.h"

namespace millrace {

/** Lines of more tokens are walked. */
constexpr uint32_t PATTERN_TOKENS_MAX = 64;
/** The same for lines of more names that begin like one of the program's. */
constexpr uint32_t PATTERN_NAMES_MAX = 16;

/** A name that a walk has compared. */
struct SeenName {
  uint32_t token;
  /** The place whose child it might be; and which child it is, or SHAPE_NONE. */
  uint32_t parent;
  uint32_t node;
};

struct SeenNames {
  /** More than PATTERN_NAMES_MAX: not all are here. */
  uint32_t count;
  SeenName names[PATTERN_NAMES_MAX];

  void add(const SeenName& name) {
    if (count < PATTERN_NAMES_MAX) names[count] = name;
    count++;
  }
};

/** A name, and the quote behind it if it is short, as it stands in the line. */
struct PatternName {
  ShapeName start;
  uint32_t token;
  /** The place whose longer name has to be compared as well, or SHAPE_NONE. */
  uint32_t longNode;
};

struct LinePattern {
  /** With the newline. */
  uint32_t tokenCount;
  uint32_t nameCount;
  /** Tokens that have to be the same; those that are names, and the byte behind their quote; all others are values of one token. */
  uint64_t fixed;
  uint64_t isName;
  uint64_t values;
  alignas(64) uint8_t bytes[PATTERN_TOKENS_MAX];
  alignas(64) uint8_t next[PATTERN_TOKENS_MAX];
  PatternName names[PATTERN_NAMES_MAX];
  /** Of the places, by tokens counted from the line's first. */
  ShapeFinds finds;
};

/** Kinds of lines that are known at once: with fields that may be missing, or empty, most sources have more than one. */
constexpr uint32_t PATTERNS_MAX = 4;

struct LinePatterns {
  LinePattern patterns[PATTERNS_MAX];
  uint32_t count;
  /** The one that was met last, with which the next line is first compared; null where there are none. */
  LinePattern* latest;
  /** The one that another kind of line replaces. */
  uint32_t oldest;
  /** Rises with each line of a known kind, falls with each of another one. Without trust all are forgotten, */
  int32_t trust;
  uint32_t used;
  /** and others are learned after so many lines, more each time where those before have been of no use. */
  uint32_t pause;
  uint32_t pauseNext;
};

constexpr int32_t PATTERN_TRUST_MAX = 32;
constexpr int32_t PATTERN_TRUST_LOST = 3;
constexpr int32_t PATTERN_TRUST_FIRST = PATTERN_TRUST_LOST * int32_t(PATTERNS_MAX);
/** Patterns of fewer lines were of no use. */
constexpr uint32_t PATTERN_USED_MIN = 64;
constexpr uint32_t PATTERN_PAUSE_MAX = 255;

/** The tokens of a line that has been walked. */
struct WalkedLine {
  const uint8_t* bytes;
  const uint8_t* next;
  const uint16_t* at;
  /** Place of the first in its window, and how many there are with the newline. */
  uint32_t first;
  uint32_t count;
  const uint8_t* window;
  uint32_t windowBytes;
};

/** A line was of no known kind. */
void distrustPatterns(LinePatterns& known);
/** Takes a valid line that was walked as the pattern of others, if it is time for one. */
void learnPattern(LinePatterns& known, const ShapeProgram& program, const WalkedLine& line, const SeenNames& seen, const ShapeFinds& finds);

}  // namespace millrace
