// Gunzip, fast: decodes many symbols at once, wherever input and output have room for whole ones. The bits that are needed for a length and its
// distance are loaded at once, and nothing is asked about ends. Whatever is unusual leaves it with every bit given back that was not used.
// What costs most are branches that cannot be predicted, and looks that wait for each other (bench/gunzip.ts).
#include <cstring>

#include "gunzip.h"
#include "target-region.h"

namespace millrace {
namespace {

/** A load of eight bytes. */
constexpr ptrdiff_t IN_SLACK_BYTES = 8;
/** Copies are made of whole vectors; the first of them without asking how many are wanted. */
constexpr int OVERRUN_BYTES = 64;
static_assert(OVERRUN_BYTES <= ptrdiff_t(WINDOW_SLACK_BYTES));
/** Four literals and the longest match. */
constexpr ptrdiff_t OUT_SLACK_BYTES = 4 + 258 + OVERRUN_BYTES;

/**
 * An entry of the joined table: bits 0 to 7 say how many bits it takes, extra bits included; 8 to 15 how many without; then how many literals
 * come first; the base of a length behind them; the literals. Bit 63: there is a length.
 */
constexpr uint32_t JOINED_COUNT_AT = 16;
constexpr uint32_t JOINED_BASE_AT = 24;
constexpr uint32_t JOINED_LITERALS_AT = 40;
constexpr uint64_t JOINED_UNUSUAL = uint64_t(1) << 62;  // none of them: it takes nothing
constexpr uint64_t JOINED_LENGTH = uint64_t(1) << 63;

/** All ones where there is a length. */
inline uint64_t hasJoinedLength(uint64_t entry) { return uint64_t(int64_t(entry) >> 63); }

/** Takes no bits, and is far enough away to copy whole vectors from, none of which counts. */
constexpr uint32_t NOT_DISTANCE = uint32_t(OVERRUN_BYTES) << 16;

/** All ones in the lowest bits. */
inline uint64_t lowBits(uint32_t count) { return (uint64_t(1) << count) - 1; }

/** What the loop takes and leaves. */
struct FastRun {
  const uint8_t* from;
  const uint8_t* inLimit;
  uint8_t* to;
  uint8_t* outLimit;
  const uint8_t* outStart;
  uint64_t bits;
  uint32_t count;
  bool isEven;
  const uint64_t* joined;
  const uint32_t* lengthTable;
  const uint32_t* distanceTable;
  const uint8_t* windowEnd;
  size_t windowBytes;
};

}  // namespace
}  // namespace millrace

#define GUNZIP_KERNEL plain
#define GUNZIP_VECTOR 16
namespace millrace {
namespace {
#include "gunzip-loop.h"
}  // namespace
}  // namespace millrace
#undef GUNZIP_KERNEL
#undef GUNZIP_VECTOR

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
MILLRACE_TARGET_BEGIN("avx2,bmi,bmi2")
#define GUNZIP_KERNEL avx2
#define GUNZIP_VECTOR 32
namespace millrace {
namespace {
#include "gunzip-loop.h"
}  // namespace
}  // namespace millrace
#undef GUNZIP_KERNEL
#undef GUNZIP_VECTOR
MILLRACE_TARGET_END
#endif

namespace millrace {
namespace {

typedef const char* (*Loop)(FastRun&);

Loop chooseLoop() {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) return &avx2::run;
#endif
  return &plain::run;
}

/** Of all looks, in percent, so many bring a length where the coin is an even one: measured. */
constexpr uint32_t EVEN_PERCENT_MIN = 44;
constexpr uint32_t EVEN_PERCENT_MAX = 60;

}  // namespace

void Gunzip::joinSymbols() {
  uint32_t withLength = 0;
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
    uint64_t value = literals << JOINED_LITERALS_AT | uint64_t(count) << JOINED_COUNT_AT;
    if ((entry = fits(at, used, 0)) != 0) {
      value |= JOINED_LENGTH | uint64_t(entryValue(entry)) << JOINED_BASE_AT | (used + entryCodeBits(entry)) << 8 |
               (used + entryBits(entry));
      withLength++;
    } else {
      value |= used << 8 | used;
    }
    joined[at] = value;
  }
  // Codes are as long as their symbols are rare: a share of entries is a share of looks.
  const uint32_t percent = withLength * 100 >> LENGTH_TABLE_BITS;
  isEven = percent >= EVEN_PERCENT_MIN && percent <= EVEN_PERCENT_MAX;
  isJoined = true;
}

Gunzip::Outcome Gunzip::runFast() {
  if (inEnd - in < IN_SLACK_BYTES || outEnd - out < OUT_SLACK_BYTES) return GO;
  if (!isJoined) joinSymbols();
  static const Loop chosen = chooseLoop();
  FastRun run = {in,     inEnd - IN_SLACK_BYTES, out,           outEnd - OUT_SLACK_BYTES, outStart,   bitBuffer, bitCount, isEven,
                 joined, lengthTable,            distanceTable, window + windowBytes,     windowBytes};
  const char* const reason = isPlain ? plain::run(run) : chosen(run);
  // Whole bytes that were loaded and not used are given back. Some may have come with an earlier step: those stay.
  const ptrdiff_t unused = run.count >> 3;
  const ptrdiff_t returned = unused < run.from - in ? unused : run.from - in;
  in = run.from - returned;
  out = run.to;
  bitCount = run.count - uint32_t(returned) * 8;
  bitBuffer = run.bits & lowBits(bitCount);
  return reason == nullptr ? GO : fail(reason);
}

}  // namespace millrace
