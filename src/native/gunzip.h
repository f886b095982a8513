// Gunzip: a decoder of one gzip member at a time (RFC 1952, RFC 1951), in steps of any size. A twin of zlib's inflate in all that can be
// seen: content, what is refused and in which words, and up to which bit the input was understood, however the bytes are cut.
#pragma once

#include <cstddef>
#include <cstdint>

#include "deflate-table.h"

namespace millrace {

constexpr size_t WINDOW_BYTES_MAX = 32 * 1024;
/** Behind the window, for copies in whole vectors. */
constexpr size_t WINDOW_SLACK_BYTES = 64;

class Gunzip {
 public:
  enum Outcome { GO, STARVED, FULL, MEMBER_END, DAMAGED };

  /** The next byte begins a member. */
  void reset();

  /** @returns STARVED: it needs more input; FULL: more room; MEMBER_END; DAMAGED, for good: `why`. */
  Outcome step(const uint8_t* input, size_t inputBytes, uint8_t* output, size_t outputBytes);

  /** Of the last step. */
  size_t consumed = 0;
  size_t produced = 0;
  /** Bits of the consumed bytes that were not used yet. */
  uint32_t unusedBits() const { return bitCount; }
  const char* why = nullptr;
  /** Only with instructions that every processor has: for tests and benches. */
  bool isPlain = false;

 private:
  enum Mode : uint8_t {
    HEAD, FLAGS, TIME, SYSTEM, EXTRA_BYTES, EXTRA, NAME, COMMENT, HEAD_CHECK,
    BLOCK, STORED, STORED_COPY, SIZES, ORDER, LENGTHS,
    SYMBOL, LENGTH_EXTRA, DISTANCE, DISTANCE_EXTRA, MATCH, LITERAL,
    CHECK, TOTAL, DONE, BROKEN,
  };

  bool need(uint32_t bits);
  uint32_t peek(uint32_t bits) const { return uint32_t(bitBuffer & ((uint64_t(1) << bits) - 1)); }
  void drop(uint32_t bits) {
    bitBuffer >>= bits;
    bitCount -= bits;
  }
  Outcome fail(const char* reason);
  Outcome nextMode();
  Outcome readHead();
  Outcome readFlags();
  Outcome skipHeadBytes(uint32_t count, Mode next);
  Outcome readExtraBytes();
  Outcome readExtra();
  Outcome readText(uint32_t flag, Mode next);
  Outcome checkHead();
  Outcome readBlock();
  Outcome readStored();
  Outcome copyStored();
  Outcome readSizes();
  Outcome readOrder();
  Outcome readLengths();
  Outcome finishTables();
  Outcome readSymbol();
  bool readCode(const uint32_t* table, uint32_t tableBits, uint32_t& entry);
  Outcome readDistance();
  Outcome copyMatch();
  Outcome putLiteral();
  Outcome check(const uint32_t& wanted, const char* reason, Mode next);
  Outcome runFast();
  void joinSymbols();
  void sumOutput();
  void keepWindow();
  void headCheck(const uint8_t* bytes, size_t length);

  const uint8_t* in = nullptr;
  const uint8_t* inEnd = nullptr;
  uint8_t* out = nullptr;
  uint8_t* outStart = nullptr;
  uint8_t* outEnd = nullptr;
  uint64_t bitBuffer = 0;
  uint32_t bitCount = 0;

  Mode mode = HEAD;
  bool isLast = false;
  uint32_t flags = 0;
  /** Of a literal, a match, a stored block, or of what a header has yet to bring. */
  uint32_t length = 0;
  uint32_t distance = 0;
  uint32_t extraBits = 0;
  uint32_t lengthCount = 0;
  uint32_t distanceCount = 0;
  uint32_t orderCount = 0;
  uint32_t have = 0;
  uint32_t crc = 0;
  uint32_t total = 0;
  /** Output that is in both already. */
  uint8_t* summed = nullptr;

  uint8_t lengths[LENGTH_SYMBOLS + DISTANCE_SYMBOLS];
  uint32_t orderTable[ORDER_TABLE_SIZE];
  uint32_t lengthTable[LENGTH_TABLE_SIZE];
  uint32_t distanceTable[DISTANCE_TABLE_SIZE];
  /** What a look at as many bits brings at once: up to two literals, and a length behind them. Made of the table when it is needed. */
  uint64_t joined[1u << LENGTH_TABLE_BITS];
  bool isJoined = false;
  /** Lengths come neither seldom nor nearly always. */
  bool isEven = false;
  bool hasFixedTables = false;
  /** The content before this step's: the last of it that matches can reach, and at most as much again before that. */
  uint8_t window[2 * WINDOW_BYTES_MAX + WINDOW_SLACK_BYTES];
  size_t windowBytes = 0;
};

}  // namespace millrace
