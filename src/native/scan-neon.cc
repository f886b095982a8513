// Scan, NEON: the windowed scanner for 64-bit ARM, all of which have these instructions.
#include "scan-shape.h"
#include "scan-sink.h"

#if defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <arm_neon.h>

#include <cstring>

#include "simdjson-calls.h"

#include "scan-classes.h"
#include "scan-places.h"

namespace millrace {
namespace {
namespace neon {

struct Masks {
  uint64_t backslash, quote, delimiter, structural, control;
};

struct HighSeen {
  uint8x16_t bytes;
  bool any() const { return vmaxvq_u8(bytes) >= 0x80; }
};

struct TokenMasks {
  uint64_t quote, colon, comma, newline, openObject, closeObject, openArray, closeArray, letter;
};

/** 64 bytes, dealt out in turn: vector n has bytes n, n + 4, n + 8 and so on, so that neighbours meet in one byte when bits are gathered. */
inline uint8x16x4_t deal(const uint8_t* block) { return vld4q_u8(block); }

/** The vector's bits as one word. */
inline uint64_t asWord(uint8x8_t bits) { return vget_lane_u64(vreinterpret_u64_u8(bits), 0); }

/** Where dealt bytes have their highest bit: one bit a byte. */
inline uint64_t highestBits(const uint8x16x4_t& dealt) {
  const uint8x16_t pairs = vsriq_n_u8(dealt.val[1], dealt.val[0], 1);
  const uint8x16_t fours = vsriq_n_u8(vsriq_n_u8(dealt.val[3], dealt.val[2], 1), pairs, 2);
  const uint8x16_t twice = vsriq_n_u8(fours, fours, 4);
  return asWord(vshrn_n_u16(vreinterpretq_u16_u8(twice), 4));
}

inline uint64_t equals(const uint8x16x4_t& dealt, uint8_t byte) {
  const uint8x16_t wanted = vdupq_n_u8(byte);
  return highestBits({vceqq_u8(dealt.val[0], wanted), vceqq_u8(dealt.val[1], wanted), vceqq_u8(dealt.val[2], wanted),
                      vceqq_u8(dealt.val[3], wanted)});
}

/** Classes of dealt bytes; of those beyond ASCII none. */
inline uint8x16x4_t lookUp(const uint8x16x4_t& dealt, const ClassTable& table) {
  const uint8x16x4_t low = vld1q_u8_x4(table.of);
  const uint8x16x4_t high = vld1q_u8_x4(table.of + 64);
  const uint8x16_t half = vdupq_n_u8(64);
  uint8x16x4_t classes;
  for (int i = 0; i < 4; i++) {
    const uint8x16_t first = vqtbl4q_u8(low, dealt.val[i]);
    classes.val[i] = vqtbx4q_u8(first, high, veorq_u8(dealt.val[i], half));
  }
  return classes;
}

/**
 * Turns the bits of dealt bytes around, in two steps of four: afterwards a byte of `zero` has bit 0 of four neighbours in its lower half and
 * bit 4 of them in its upper one; `one` has bits 1 and 5, `two` 2 and 6. So each bit of a class costs three instructions more, not ten.
 */
struct Planes {
  uint8x16_t zero, one, two;
};

inline Planes turn(const uint8x16x4_t& v) {
  const uint8x16_t even = vdupq_n_u8(0x55);
  const uint8x16_t lower = vdupq_n_u8(0x33);
  const uint8x16_t even01 = vbslq_u8(even, v.val[0], vshlq_n_u8(v.val[1], 1));
  const uint8x16_t even23 = vbslq_u8(even, v.val[2], vshlq_n_u8(v.val[3], 1));
  const uint8x16_t odd01 = vbslq_u8(even, vshrq_n_u8(v.val[0], 1), v.val[1]);
  const uint8x16_t odd23 = vbslq_u8(even, vshrq_n_u8(v.val[2], 1), v.val[3]);
  return {
      vbslq_u8(lower, even01, vshlq_n_u8(even23, 2)),
      vbslq_u8(lower, odd01, vshlq_n_u8(odd23, 2)),
      vbslq_u8(lower, vshrq_n_u8(even01, 2), even23),
  };
}

inline uint64_t lowerHalves(uint8x16_t plane) {
  return asWord(vshrn_n_u16(vreinterpretq_u16_u8(vsliq_n_u8(plane, plane, 4)), 4));
}

inline uint64_t upperHalves(uint8x16_t plane) {
  return asWord(vshrn_n_u16(vreinterpretq_u16_u8(vsriq_n_u8(plane, plane, 4)), 4));
}

/** The shared classes, each at a bit that the turning brings out. */
constexpr ClassTable makeTurnedClasses() {
  ClassTable table = {};
  for (int byte = 0; byte < 128; byte++) {
    const uint8_t bits = BYTE_CLASSES.of[byte];
    table.of[byte] = uint8_t(((bits & CLASS_DELIMITER) != 0 ? 1 : 0) | ((bits & CLASS_STRUCTURAL) != 0 ? 16 : 0) |
                             ((bits & CLASS_QUOTE) != 0 ? 2 : 0) | ((bits & CLASS_BACKSLASH) != 0 ? 32 : 0) |
                             ((bits & CLASS_CONTROL) != 0 ? 4 : 0));
  }
  return table;
}
alignas(64) constexpr ClassTable TURNED_CLASSES = makeTurnedClasses();

inline void classify(const uint8_t* block, Masks& masks, HighSeen& high) {
  const uint8x16x4_t dealt = deal(block);
  const Planes planes = turn(lookUp(dealt, TURNED_CLASSES));
  masks.delimiter = lowerHalves(planes.zero);
  masks.structural = upperHalves(planes.zero);
  masks.quote = lowerHalves(planes.one);
  masks.backslash = upperHalves(planes.one);
  masks.control = lowerHalves(planes.two);
  high.bytes = vorrq_u8(high.bytes, vorrq_u8(vorrq_u8(dealt.val[0], dealt.val[1]), vorrq_u8(dealt.val[2], dealt.val[3])));
}

inline void classifyEscapes(const uint8_t* block, uint64_t& escapable, uint64_t& hex, uint64_t& u) {
  static_assert(ESCAPE_ALLOWED == 1 && ESCAPE_HEX == 2 && ESCAPE_U == 4);
  const Planes planes = turn(lookUp(deal(block), ESCAPE_CLASSES));
  escapable = lowerHalves(planes.zero);
  hex = lowerHalves(planes.one);
  u = lowerHalves(planes.two);
}

/**
 * What a token can be as a number of four bits, so that four masks tell all: brackets have KIND_BRACKET, and KIND_OBJECT and KIND_OPEN or not;
 * of the others colon, comma and newline have KIND_MARK.
 */
constexpr uint8_t KIND_OPEN = 1;     // also: comma, letter
constexpr uint8_t KIND_OBJECT = 2;   // also: quote, newline
constexpr uint8_t KIND_MARK = 16;
constexpr uint8_t KIND_BRACKET = 32;

constexpr ClassTable makeTokenKinds() {
  ClassTable table = {};
  for (int byte = 64; byte < 128; byte++) table.of[byte] = KIND_OPEN;
  table.of['"'] = KIND_OBJECT;
  table.of[':'] = KIND_MARK;
  table.of[','] = KIND_MARK | KIND_OPEN;
  table.of['\n'] = KIND_MARK | KIND_OBJECT;
  table.of['{'] = KIND_BRACKET | KIND_OBJECT | KIND_OPEN;
  table.of['}'] = KIND_BRACKET | KIND_OBJECT;
  table.of['['] = KIND_BRACKET | KIND_OPEN;
  table.of[']'] = KIND_BRACKET;
  return table;
}
alignas(64) constexpr ClassTable TOKEN_KINDS = makeTokenKinds();

inline void classifyTokens(const uint8_t* tokens, TokenMasks& masks) {
  const Planes planes = turn(lookUp(deal(tokens), TOKEN_KINDS));
  const uint64_t open = lowerHalves(planes.zero);
  const uint64_t object = lowerHalves(planes.one);
  const uint64_t mark = upperHalves(planes.zero);
  const uint64_t bracket = upperHalves(planes.one);
  const uint64_t objects = bracket & object;
  const uint64_t arrays = bracket & ~object;
  masks.openObject = objects & open;
  masks.closeObject = objects & ~open;
  masks.openArray = arrays & open;
  masks.closeArray = arrays & ~open;
  masks.comma = mark & open;
  masks.newline = mark & object;
  masks.colon = mark & ~(open | object);
  masks.quote = object & ~(bracket | mark);
  masks.letter = open & ~(bracket | mark);
}

inline uint64_t equalsByte(const uint8_t* bytes, uint8_t byte) { return equals(deal(bytes), byte); }

inline uint64_t differ(const uint8_t* bytes, const uint8_t* others) {
  const uint8x16x4_t one = deal(bytes);
  const uint8x16x4_t other = deal(others);
  return ~highestBits({vceqq_u8(one.val[0], other.val[0]), vceqq_u8(one.val[1], other.val[1]), vceqq_u8(one.val[2], other.val[2]),
                       vceqq_u8(one.val[3], other.val[3])});
}

inline uint64_t bracketsOf(const uint8_t* tokens) {
  const uint8x16x4_t dealt = deal(tokens);
  const uint8x16_t bits = vdupq_n_u8(BRACKET_BITS);
  return equals({vandq_u8(dealt.val[0], bits), vandq_u8(dealt.val[1], bits), vandq_u8(dealt.val[2], bits), vandq_u8(dealt.val[3], bits)},
                BRACKET);
}

inline uint64_t equalsLower(const uint8_t* bytes, uint8_t byte) {
  const auto dealt = deal(bytes);
  return equals(dealt, byte) | equals(dealt, uint8_t(byte & ~0x20));
}

/**
 * Eight bytes at a time are moved together, however many of them are tokens: how many there are cannot be foreseen, and what is too much is
 * overwritten by what comes next.
 */
inline uint32_t takeTokens(const uint8_t* block, uint64_t which, uint32_t blockAt, ScanState& state, uint32_t tokenCount) {
  // Ones of each eight bits, and then of all up to there.
  const uint64_t upTo = asWord(vcnt_u8(vreinterpret_u8_u64(vdup_n_u64(which)))) * 0x0101010101010101u;
  const uint64_t before = upTo << 8;
  uint8_t* toBytes = state.tokenBytes + tokenCount;
  uint8_t* toNext = state.tokenNext + tokenCount;
  uint16_t* toAt = state.tokenAt + tokenCount;
  uint16x8_t base = vdupq_n_u16(uint16_t(blockAt));
#pragma GCC unroll 4
  for (int at = 0; at < 64; at += 16) {
    const uint8x16_t bytes = vld1q_u8(block + at);
    const uint8x16_t next = vld1q_u8(block + at + 1);
#pragma GCC unroll 2
    for (int half = 0; half < 16; half += 8) {
      const int bit = at + half;
      const uint64_t to = (before >> bit) & 255;
      uint8x8_t places = vld1_u8(reinterpret_cast<const uint8_t*>(&PLACES.of[(which >> bit) & 255]));
      if (half == 8) places = vorr_u8(places, vdup_n_u8(8));
      vst1_u8(toBytes + to, vqtbl1_u8(bytes, places));
      vst1_u8(toNext + to, vqtbl1_u8(next, places));
      vst1q_u16(toAt + to, vaddw_u8(base, places));
    }
    base = vaddq_u16(base, vdupq_n_u16(16));
  }
  return uint32_t(upTo >> 56);
}

inline uint64_t prefixXor(uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

/** 16 bytes; those past the window are not read, and as zeros they are in no number. */
inline uint8x16_t loadNumber(const uint8_t* at, const uint8_t* end) {
  if (end - at >= 16) [[likely]] return vld1q_u8(at);
  uint8_t copy[16] = {};
  std::memcpy(copy, at, size_t(end - at));
  return vld1q_u8(copy);
}

inline uint8x16_t isDigit(uint8x16_t bytes) { return vcleq_u8(vsubq_u8(bytes, vdupq_n_u8('0')), vdupq_n_u8(9)); }

/** Four bits a byte. */
inline uint64_t fourBits(uint8x16_t is) { return asWord(vshrn_n_u16(vreinterpretq_u16_u8(is), 4)); }

inline bool isPlainInteger(const uint8_t* at, const uint8_t* end) {
  const uint64_t others = ~fourBits(isDigit(loadNumber(at, end)));
  if (others == 0) return false;
  const uint32_t count = uint32_t(__builtin_ctzll(others)) / 4;
  if (count == 0 || (count > 1 && *at == '0')) return false;
  return at + count == end || isScalarEnd(at[count]);
}

inline bool isPlainNumber(const uint8_t* at, const uint8_t* end) {
  const uint8x16_t bytes = loadNumber(at, end);
  alignas(16) static constexpr uint8_t PLACE_BITS[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t bits = vld1q_u8(PLACE_BITS);
  const uint8x16_t digit = vandq_u8(isDigit(bytes), bits);
  const uint8x16_t dot = vandq_u8(vceqq_u8(bytes, vdupq_n_u8('.')), bits);
  const uint8x16_t exponent = vandq_u8(vceqq_u8(vorrq_u8(bytes, vdupq_n_u8(0x20)), vdupq_n_u8('e')), bits);
  const uint8x16_t minus = vandq_u8(vceqq_u8(bytes, vdupq_n_u8('-')), bits);
  const uint8x16_t plus = vandq_u8(vceqq_u8(bytes, vdupq_n_u8('+')), bits);
  // Three times the sum of neighbours: 16 bytes become two.
  const uint8x16_t fours = vpaddq_u8(vpaddq_u8(digit, dot), vpaddq_u8(exponent, minus));
  const uint8x16_t last = vpaddq_u8(plus, plus);
  const uint16x8_t all = vreinterpretq_u16_u8(vpaddq_u8(fours, vpaddq_u8(last, last)));
  const NumberMasks is = {vgetq_lane_u16(all, 0), vgetq_lane_u16(all, 1), vgetq_lane_u16(all, 2), vgetq_lane_u16(all, 3),
                          vgetq_lane_u16(all, 4)};
  return isShortNumber(at, end, is, 16);
}

#include "scan-prefix.h"

inline bool hasBackslash(const uint8_t* start, const uint8_t* end) {
  const uint8x16_t backslash = vdupq_n_u8('\\');
  for (; end - start >= 16; start += 16) {
    if (vmaxvq_u8(vceqq_u8(vld1q_u8(start), backslash)) != 0) return true;
  }
  for (; start < end; start++) {
    if (*start == '\\') return true;
  }
  return false;
}

#include "scan-window.h"

#include "cut-window.h"

/** Four words of four messages, one after the other. */
inline void loadWords(const uint32_t (*blocks)[16], uint32_t word, Md5Words4 (&words)[4]) {
  const uint32x4_t a = vld1q_u32(&blocks[0][word]);
  const uint32x4_t b = vld1q_u32(&blocks[1][word]);
  const uint32x4_t c = vld1q_u32(&blocks[2][word]);
  const uint32x4_t d = vld1q_u32(&blocks[3][word]);
  const uint64x2_t low1 = vreinterpretq_u64_u32(vtrn1q_u32(a, b)), low2 = vreinterpretq_u64_u32(vtrn1q_u32(c, d));
  const uint64x2_t high1 = vreinterpretq_u64_u32(vtrn2q_u32(a, b)), high2 = vreinterpretq_u64_u32(vtrn2q_u32(c, d));
  words[0] = Md5Words4(vtrn1q_u64(low1, low2));
  words[1] = Md5Words4(vtrn1q_u64(high1, high2));
  words[2] = Md5Words4(vtrn2q_u64(low1, low2));
  words[3] = Md5Words4(vtrn2q_u64(high1, high2));
}

/** @param WORDS Of each message: 4, 8 or 16. */
template <int WORDS>
void hashWords(const uint32_t (*blocks)[16], uint32_t count, uint32_t (*digests)[GROUP_RECORDS]) {
  typedef Md5Pair<Md5Pair<Md5Words4>> Word;
  constexpr uint32_t LANES = 4;
  for (uint32_t first = 0; first < count; first += 4 * LANES) {
    Word words[16];
    for (uint32_t word = 0; word < 16; word += 4) {
      if (word >= WORDS && word != 12) continue;
      Md5Words4 rows[4][4];
      for (uint32_t i = 0; i < 4; i++) loadWords(blocks + first + i * LANES, word, rows[i]);
      for (uint32_t i = 0; i < 4; i++) words[word + i] = Word{{rows[0][i], rows[1][i]}, {rows[2][i], rows[3][i]}};
    }
    Word state[4];
    for (int i = 0; i < 4; i++) {
      const Md5Words4 start = Md5Words4{} + MD5_START[i];
      state[i] = Word{{start, start}, {start, start}};
    }
    md5Block<WORDS>(state, words);
    for (int i = 0; i < 4; i++) std::memcpy(digests[i] + first, &state[i], sizeof(Word));
  }
}

/** Keys are short, mostly: words that are zero in all messages are not added. */
void hashGroup(const uint32_t (*blocks)[16], uint32_t count, uint32_t wordCount, uint32_t (*digests)[GROUP_RECORDS]) {
  if (wordCount <= 4) return hashWords<4>(blocks, count, digests);
  if (wordCount <= 8) return hashWords<8>(blocks, count, digests);
  hashWords<16>(blocks, count, digests);
}

}  // namespace neon
}  // namespace

const ScanKernels* scanKernelsNeon() {
  static constexpr ScanKernels KERNELS = {"neon", neon::scanWindow<neon::KeyWalk>, neon::scanWindow<neon::ShapeWalk>, neon::hashGroup,
                                          neon::cutValues};
  return &KERNELS;
}

}  // namespace millrace

#else
namespace millrace {
const ScanKernels* scanKernelsNeon() { return nullptr; }
}  // namespace millrace
#endif
