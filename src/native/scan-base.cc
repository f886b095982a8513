// Scan, base: the windowed scanner for every machine, in plain C++. Eight bytes at a time inside ordinary registers.
#include <cstring>

#include "simdjson-calls.h"

#include "scan-classes.h"
#include "scan-shape.h"
#include "scan-sink.h"

namespace millrace {
namespace {
namespace base {

struct Masks {
  uint64_t backslash, quote, delimiter, structural, control;
};

struct HighSeen {
  uint64_t classes;
  bool any() const { return classes != 0; }
};

struct TokenMasks {
  uint64_t quote, colon, comma, newline, openObject, closeObject, openArray, closeArray, letter;
};

/** The classes of eight bytes, one byte each. */
inline uint64_t lookUp(const uint8_t* bytes, const ClassTable& table) {
  uint64_t classes = 0;
  for (int i = 0; i < 8; i++) classes |= uint64_t(table.of[bytes[i]]) << (8 * i);
  return classes;
}

/** Gathers one bit of each of eight bytes into the low eight bits. */
inline uint64_t gatherBit(uint64_t classes, uint8_t bit) {
  const uint64_t ones = (classes >> __builtin_ctz(bit)) & 0x0101010101010101u;
  return (ones * 0x0102040810204080u) >> 56;
}

inline void classify(const uint8_t* block, Masks& masks, HighSeen& high) {
  masks = {};
  for (int at = 0; at < 64; at += 8) {
    const uint64_t classes = lookUp(block + at, BYTE_CLASSES);
    masks.backslash |= gatherBit(classes, CLASS_BACKSLASH) << at;
    masks.quote |= gatherBit(classes, CLASS_QUOTE) << at;
    masks.structural |= gatherBit(classes, CLASS_STRUCTURAL) << at;
    masks.delimiter |= gatherBit(classes, CLASS_DELIMITER) << at;
    masks.control |= gatherBit(classes, CLASS_CONTROL) << at;
    high.classes |= classes & (0x0101010101010101u * CLASS_HIGH);
  }
}

inline void classifyEscapes(const uint8_t* block, uint64_t& escapable, uint64_t& hex, uint64_t& u) {
  escapable = hex = u = 0;
  for (int at = 0; at < 64; at += 8) {
    const uint64_t classes = lookUp(block + at, ESCAPE_CLASSES);
    escapable |= gatherBit(classes, ESCAPE_ALLOWED) << at;
    hex |= gatherBit(classes, ESCAPE_HEX) << at;
    u |= gatherBit(classes, ESCAPE_U) << at;
  }
}

constexpr ClassTable makeTokenClasses() {
  ClassTable table = {};
  table.of['"'] = 1;
  table.of[':'] = 2;
  table.of[','] = 4;
  table.of['\n'] = 8;
  table.of['{'] = 16;
  table.of['}'] = 32;
  table.of['['] = 64;
  table.of[']'] = 128;
  return table;
}
constexpr ClassTable TOKEN_CLASSES = makeTokenClasses();

inline void classifyTokens(const uint8_t* tokens, TokenMasks& masks) {
  masks = {};
  for (int at = 0; at < 64; at += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, tokens + at, 8);
    masks.letter |= gatherBit(bytes, 0x40) << at;
    const uint64_t classes = lookUp(tokens + at, TOKEN_CLASSES);
    masks.quote |= gatherBit(classes, 1) << at;
    masks.colon |= gatherBit(classes, 2) << at;
    masks.comma |= gatherBit(classes, 4) << at;
    masks.newline |= gatherBit(classes, 8) << at;
    masks.openObject |= gatherBit(classes, 16) << at;
    masks.closeObject |= gatherBit(classes, 32) << at;
    masks.openArray |= gatherBit(classes, 64) << at;
    masks.closeArray |= gatherBit(classes, 128) << at;
  }
}

inline uint64_t equalsByte(const uint8_t* bytes, uint8_t byte) {
  uint64_t mask = 0;
  for (int at = 0; at < 64; at++) mask |= uint64_t(bytes[at] == byte) << at;
  return mask;
}

/** Gathers the bytes of eight that are not zero. */
inline uint64_t gatherOthers(uint64_t bytes) {
  constexpr uint64_t LOW_BITS = 0x7f7f7f7f7f7f7f7fu;
  return gatherBit(((bytes & LOW_BITS) + LOW_BITS) | bytes, 0x80);
}

inline uint64_t differ(const uint8_t* bytes, const uint8_t* others) {
  uint64_t mask = 0;
  for (int at = 0; at < 64; at += 8) mask |= gatherOthers(wordAt(bytes + at) ^ wordAt(others + at)) << at;
  return mask;
}

inline uint64_t bracketsOf(const uint8_t* tokens) {
  constexpr uint64_t EACH = 0x0101010101010101u;
  uint64_t others = 0;
  for (int at = 0; at < 64; at += 8) others |= gatherOthers((wordAt(tokens + at) & (EACH * BRACKET_BITS)) ^ (EACH * BRACKET)) << at;
  return ~others;
}

inline uint64_t equalsLower(const uint8_t* bytes, uint8_t byte) {
  uint64_t mask = 0;
  for (int at = 0; at < 64; at++) mask |= uint64_t((bytes[at] | 0x20) == byte) << at;
  return mask;
}

inline uint32_t takeTokens(const uint8_t* block, uint64_t which, uint32_t blockAt, ScanState& state, uint32_t tokenCount) {
  uint32_t count = 0;
  for (uint32_t to = tokenCount; which != 0; which &= which - 1, to++, count++) {
    const uint32_t bit = uint32_t(__builtin_ctzll(which));
    state.tokenBytes[to] = block[bit];
    state.tokenNext[to] = block[bit + 1];
    state.tokenAt[to] = uint16_t(blockAt + bit);
  }
  return count;
}

inline uint64_t prefixXor(uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

inline bool isPlainInteger(const uint8_t* at, const uint8_t* end) {
  const uint8_t first = *at;
  if (!isDecimal(first)) return false;
  for (at++; at < end && isDecimal(*at); at++) {
    if (first == '0') return false;
  }
  return at == end || isScalarEnd(*at);
}

inline bool isPlainNumber(const uint8_t*, const uint8_t*) { return false; }

inline uint32_t commonPrefix(const uint8_t* name, const uint8_t* wanted, uint32_t bytes, uint32_t) {
  uint32_t same = 0;
  while (same < bytes && name[same] == wanted[same]) same++;
  return same;
}

inline bool hasBackslash(const uint8_t* start, const uint8_t* end) {
  return std::memchr(start, '\\', size_t(end - start)) != nullptr;
}

#include "scan-window.h"

#include "cut-window.h"

void hashGroup(const uint32_t (*blocks)[16], uint32_t count, uint32_t wordCount, uint32_t (*digests)[GROUP_RECORDS]) {
  typedef uint32_t Word __attribute__((vector_size(16)));
  constexpr uint32_t LANES = 4;
  for (uint32_t first = 0; first < count; first += LANES) {
    Word words[16] = {};
    for (uint32_t lane = 0; lane < LANES; lane++) {
      for (uint32_t word = 0; word < wordCount; word++) words[word][lane] = blocks[first + lane][word];
      words[14][lane] = blocks[first + lane][14];
    }
    Word state[4];
    for (int i = 0; i < 4; i++) state[i] = Word{} + MD5_START[i];
    md5Block(state, words);
    for (int i = 0; i < 4; i++) std::memcpy(digests[i] + first, &state[i], sizeof(Word));
  }
}

}  // namespace base
}  // namespace

const ScanKernels* scanKernelsBase() {
  static constexpr ScanKernels KERNELS = {"base", base::scanWindow<base::KeyWalk>, base::scanWindow<base::ShapeWalk>, base::hashGroup,
                                          base::cutValues};
  return &KERNELS;
}

}  // namespace millrace
