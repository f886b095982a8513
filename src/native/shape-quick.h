// Shape quick: decides a comparison on the first bytes of a value, in whole words, without looking for its end. What it leaves open is
// decided in shape-where.cc.
#pragma once

#include <cstring>

#include "shape-program.h"

namespace millrace {

/** Not decided by these bytes. */
constexpr Verdict VERDICT_OPEN = Verdict(VERDICT_UNKNOWN + 1);

inline Verdict verdictOf(bool isMatch) { return isMatch ? VERDICT_MATCH : VERDICT_NO_MATCH; }

inline uint64_t wordAt(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

/** The highest bits of those of eight bytes that are no digits. Exact up to the first of them. */
inline uint64_t othersOf(uint64_t bytes) {
  constexpr uint64_t EACH = 0x0101010101010101;
  return ((bytes + EACH * (0x7f - '9')) | (bytes - EACH * '0') | bytes) & (EACH * 0x80);
}

/** How two values that are a number with nothing but digits compare, as bits of orders; or what is left open. */
inline Verdict quickInteger(const uint8_t* value, uint32_t orders, const ShapeConstant& constant) {
  if (constant.digitCount == 0) return VERDICT_OPEN;
  const uint64_t first = wordAt(value);
  const uint64_t firstOthers = othersOf(first);
  uint64_t high = 0;
  uint64_t low;
  uint8_t behind;
  if (firstOthers != 0) {
    const uint32_t bits = uint32_t(__builtin_ctzll(firstOthers)) & 56;
    if (bits == 0) return VERDICT_OPEN;
    behind = uint8_t(first >> bits);
    low = __builtin_bswap64(first) >> (64 - bits);
  } else {
    const uint64_t last = wordAt(value + 8);
    const uint64_t lastOthers = othersOf(last);
    // Such a number may be no exact double.
    if (lastOthers == 0) return VERDICT_OPEN;
    const uint32_t bits = uint32_t(__builtin_ctzll(lastOthers)) & 56;
    behind = uint8_t(last >> bits);
    low = __builtin_bswap64(first);
    if (bits > 0) {
      high = low >> (64 - bits);
      low = low << bits | __builtin_bswap64(last) >> (64 - bits);
    }
  }
  if (behind == '.' || (behind | 0x20) == 'e') return VERDICT_OPEN;
  const uint32_t isLess = uint32_t(high < constant.digitsHigh) | (uint32_t(high == constant.digitsHigh) & uint32_t(low < constant.digitsLow));
  const uint32_t isEqual = uint32_t(high == constant.digitsHigh) & uint32_t(low == constant.digitsLow);
  return verdictOf(((orders >> (2 - isEqual - 2 * isLess)) & 1) != 0);
}

/** Whether a text begins with these bytes: VERDICT_OPEN where escapes or bytes behind them decide. */
inline Verdict quickStart(const uint8_t* inside, const ShapeStart& start, const uint64_t* mask, bool isWhole) {
  if (!start.isPlain) return VERDICT_OPEN;
  uint64_t word = wordAt(inside);
  uint64_t others = (word ^ start.word[0]) & mask[0];
  if (others == 0) {
    word = wordAt(inside + 8);
    others = (word ^ start.word[1]) & mask[1];
    if (others == 0) return isWhole ? VERDICT_MATCH : VERDICT_OPEN;
  }
  const uint8_t other = uint8_t(word >> (uint32_t(__builtin_ctzll(others)) & 56));
  return other == '\\' ? VERDICT_OPEN : VERDICT_NO_MATCH;
}

inline Verdict quickEqual(const uint8_t* value, const ShapeConstant& constant) {
  return quickStart(value + 1, constant.start, constant.start.mask, constant.start.isWhole);
}

inline Verdict quickCompare(const uint8_t* value, const ShapeOp& op, const ShapeConstant& constant) {
  if (constant.kind == CONST_INT) return quickInteger(value, op.orders, constant);
  if (constant.kind != CONST_TEXT || *value != '"' || op.relation > REL_NE) return VERDICT_OPEN;
  const Verdict verdict = quickEqual(value, constant);
  if (verdict == VERDICT_OPEN || op.relation == REL_EQ) return verdict;
  return verdictOf(verdict != VERDICT_MATCH);
}

/** A text against a list of constants. */
inline Verdict quickIn(const uint8_t* value, const ShapeOp& op, const ShapeConstant* constants) {
  if (*value != '"') return VERDICT_OPEN;
  Verdict verdict = VERDICT_NO_MATCH;
  for (uint32_t i = 0; i < op.constantCount; i++) {
    if (constants[i].kind != CONST_TEXT) continue;
    const Verdict one = quickEqual(value, constants[i]);
    if (one == VERDICT_MATCH) return one;
    if (one == VERDICT_OPEN) verdict = one;
  }
  return verdict;
}

/** @param value With QUICK_BYTES behind its first one. */
inline Verdict lookQuickly(const uint8_t* value, const ShapeOp& op, const ShapeConstant* constants) {
  switch (op.kind) {
    case OP_COMPARE: return quickCompare(value, op, constants[op.constant]);
    case OP_IN: return quickIn(value, op, constants + op.constant);
    case OP_STARTS_WITH: {
      if (*value != '"') return VERDICT_OPEN;
      const ShapeStart& start = constants[op.constant].start;
      return quickStart(value + 1, start, start.textMask, start.hasWholeText);
    }
    default: return VERDICT_OPEN;
  }
}

}  // namespace millrace
