// Gunzip, fast: many symbols at once, wherever input and output have room for whole ones. The bits that are needed for a length and its
// distance are loaded at once, and nothing is asked about ends. Whatever is unusual leaves it with every bit given back that was not used.
// What costs most are branches that cannot be predicted, so there is none between literals and lengths (bench/gunzip.ts).
#include <cstring>

#include "gunzip.h"

namespace millrace {
namespace {

/** Two loads of eight bytes a turn. */
constexpr ptrdiff_t IN_SLACK_BYTES = 2 * 8;
/** Four literals and the longest match, which is written in whole vectors. */
constexpr ptrdiff_t OUT_SLACK_BYTES = 4 + 258 + 64;

struct Pair {
  uint64_t low, high;
};

inline void copy16(uint8_t* to, const uint8_t* from) {
  Pair pair;
  std::memcpy(&pair, from, 16);
  std::memcpy(to, &pair, 16);
}

inline void copy8(uint8_t* to, const uint8_t* from) {
  uint64_t word;
  std::memcpy(&word, from, 8);
  std::memcpy(to, &word, 8);
}

/**
 * An entry of the joined table: bits 0 to 7 say how many bits it takes, extra bits included; 8 to 15 how many without; 16 and 17 how many
 * literals come first; 24 to 32 the base of a length behind them; 48 to 63 the literals.
 */
constexpr uint64_t JOINED_LENGTH = uint64_t(1) << 40;
constexpr uint64_t JOINED_UNUSUAL = uint64_t(1) << 41;

/** Repeats what lies `distance` bytes before `out`. May write 48 bytes more than `length`. */
inline void repeat(uint8_t* out, uint32_t distance, uint32_t length) {
  const uint8_t* from = out - distance;
  uint8_t* const end = out + length;
  if (distance >= 16) [[likely]] {
    copy16(out, from);
    copy16(out + 16, from + 16);
    copy16(out + 32, from + 32);
    for (out += 48, from += 48; out < end; out += 16, from += 16) copy16(out, from);
  } else if (distance >= 8) {
    for (; out < end; out += 8, from += 8) copy8(out, from);
  } else if (distance == 1) {
    std::memset(out, *from, length);
  } else {
    while (out < end) *out++ = *from++;
  }
}

/** All ones in the lowest bits. */
inline uint64_t lowBits(uint32_t count) { return (uint64_t(1) << count) - 1; }

}  // namespace

void Gunzip::joinSymbols() {
  const auto fits = [&](uint32_t at, uint32_t used, uint32_t kind) {
    const uint32_t entry = lengthTable[at >> used];
    const bool isKind = kind == ENTRY_LITERAL ? (entry & ENTRY_LITERAL) != 0 : (entry & (ENTRY_LITERAL | ENTRY_UNUSUAL)) == 0;
    return isKind && used + entryCodeBits(entry) <= LENGTH_TABLE_BITS ? entry : 0;
  };
  for (uint32_t at = 0; at < 1u << LENGTH_TABLE_BITS; at++) {
    uint32_t entry = lengthTable[at];
    if ((entry & ENTRY_UNUSUAL) != 0) {
      joined[at] = JOINED_UNUSUAL;
      continue;
    }
    uint64_t literals = 0;
    uint32_t count = 0;
    uint32_t used = 0;
    for (; count < 2 && (entry = fits(at, used, ENTRY_LITERAL)) != 0; count++) {
      literals |= uint64_t(entryValue(entry)) << (8 * count);
      used += entryCodeBits(entry);
    }
    uint64_t value = literals << 48 | uint64_t(count) << 16;
    if ((entry = fits(at, used, 0)) != 0) {
      value |= JOINED_LENGTH | uint64_t(entryValue(entry)) << 24 | (used + entryCodeBits(entry)) << 8 | (used + entryBits(entry));
    } else {
      value |= used << 8 | used;
    }
    joined[at] = value;
  }
  isJoined = true;
}

Gunzip::Outcome Gunzip::runFast() {
  if (inEnd - in < IN_SLACK_BYTES || outEnd - out < OUT_SLACK_BYTES) return GO;
  if (!isJoined) joinSymbols();
  const uint8_t* const inLimit = inEnd - IN_SLACK_BYTES;
  uint8_t* const outLimit = outEnd - OUT_SLACK_BYTES;
  const uint8_t* from = in;
  uint8_t* to = out;
  uint64_t bits = bitBuffer;
  uint32_t count = bitCount;
  const char* reason = nullptr;
  // At least 56 bits are there then. Bits above `count` are those that the next load brings again.
  const auto load = [&] {
    uint64_t word;
    std::memcpy(&word, from, 8);
    bits |= word << (count & 63);
    from += ((count ^ 63) >> 3) & 7;
    count |= 56;
  };
  const auto take = [&](uint32_t taken) {
    bits >>= taken & 63;
    count -= taken;
  };
  while (from <= inLimit && to <= outLimit) {
    load();
    const uint64_t first = joined[bits & lowBits(LENGTH_TABLE_BITS)];
    const auto putLiterals = [&](uint64_t entry) {
      const uint16_t literals = uint16_t(entry >> 48);
      std::memcpy(to, &literals, 2);
      to += (entry >> 16) & 3;
    };
    putLiterals(first);
    const uint64_t beforeFirst = bits;
    take(uint8_t(first));
    // Whether a length or literals come next cannot be predicted, so all of it is done each time, and what is not there takes no bits.
    const uint64_t hasFirst = 0 - (first >> 40 & 1);
    const uint64_t second = joined[bits & lowBits(LENGTH_TABLE_BITS)] & ~hasFirst;
    if (((first | second) & JOINED_UNUSUAL) != 0) [[unlikely]] break;
    putLiterals(second);
    const uint64_t beforeSecond = bits;
    take(uint8_t(second));
    const uint64_t entry = (first & hasFirst) | second;
    const uint64_t before = (beforeFirst & hasFirst) | (beforeSecond & ~hasFirst);
    const uint32_t length = uint32_t(entry >> 24 & 511) + uint32_t((before & lowBits(uint8_t(entry))) >> (entry >> 8 & 63));
    const uint32_t hasLength = 0 - uint32_t(entry >> 40 & 1);
    load();
    uint32_t distanceEntry = distanceTable[bits & lowBits(DISTANCE_TABLE_BITS)];
    if ((distanceEntry & hasLength & ENTRY_UNUSUAL) != 0) [[unlikely]] {
      if ((distanceEntry & ENTRY_TABLE) != 0) {
        take(DISTANCE_TABLE_BITS);
        distanceEntry = distanceTable[entryValue(distanceEntry) + (bits & lowBits(entryCodeBits(distanceEntry)))];
      }
      if ((distanceEntry & ENTRY_UNUSUAL) != 0) {
        take(entryBits(distanceEntry));
        reason = "invalid distance code";
        break;
      }
    }
    const uint32_t read =
        entryValue(distanceEntry) + uint32_t((bits & lowBits(entryBits(distanceEntry))) >> entryCodeBits(distanceEntry));
    take(entryBits(distanceEntry) & hasLength);
    const uint32_t distance = (read & hasLength) | (32 & ~hasLength);
    const size_t written = size_t(to - outStart);
    if (distance > written) [[unlikely]] {
      if (distance > written + windowBytes && hasLength != 0) {
        reason = "invalid distance too far back";
        break;
      }
      for (uint32_t i = 0; i < length; i++)
        to[i] = distance > written + i ? window[windowBytes + written + i - distance] : to[ptrdiff_t(i) - ptrdiff_t(distance)];
    } else {
      repeat(to, distance, length);
    }
    to += length;
  }
  // Whole bytes that were loaded and not used.
  from -= count >> 3;
  count &= 7;
  in = from;
  out = to;
  bitBuffer = bits & lowBits(count);
  bitCount = count;
  return reason == nullptr ? GO : fail(reason);
}

}  // namespace millrace
