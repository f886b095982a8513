// Shape pattern: how the lines before were made, which tokens and which names, so that the next one can be told to be made the same way
// by comparing, not by walking. Then all places are where they were.
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
  /** With the newline; 0 where there is no pattern. */
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

  /** Rises with each line that is made this way, falls with each that is not. Without trust another pattern is learned, */
  int32_t trust;
  uint32_t used;
  /** after so many other lines, more each time where patterns have been of no use, */
  uint32_t pause;
  uint32_t pauseNext;
  /** from the second of two lines of so many tokens. */
  uint32_t lastTokenCount;
};

constexpr int32_t PATTERN_TRUST_MAX = 8;
constexpr int32_t PATTERN_TRUST_LOST = 3;
/** A pattern of fewer lines was of no use. */
constexpr uint32_t PATTERN_USED_MIN = 16;
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

/** A line was made another way. */
void distrustPattern(LinePattern& pattern);
/** Takes a valid line that was walked as the pattern of the next ones, if it is time for one. */
void learnPattern(LinePattern& pattern, const ShapeProgram& program, const WalkedLine& line, const SeenNames& seen, const ShapeFinds& finds);

}  // namespace millrace
