// Deflate table: the prefix codes of a deflate block (RFC 1951) as tables that one look decodes. What is a code, and what a damaged one, is
// decided as zlib decides it.
#pragma once

#include <cstdint>
#include <cstring>

namespace millrace {

/**
 * An entry says what the next bits mean. Bits 0 to 7: how many of them, extra bits included; 8 to 11: how many without; 16 to 30: a literal,
 * the base of a length or distance, or where a second table starts (then 0 to 7 are the bits of the first, 8 to 11 those of the second).
 */
constexpr uint32_t ENTRY_LITERAL = 1u << 31;
constexpr uint32_t ENTRY_UNUSUAL = 1u << 15;   // none of the others; one of the next two, or no code at all
constexpr uint32_t ENTRY_TABLE = 1u << 14;
constexpr uint32_t ENTRY_END = 1u << 13;       // of the block

inline uint32_t entryBits(uint32_t entry) { return entry & 0xff; }
inline uint32_t entryCodeBits(uint32_t entry) { return (entry >> 8) & 15; }
inline uint32_t entryValue(uint32_t entry) { return (entry >> 16) & 0x7fff; }

constexpr uint32_t LENGTH_TABLE_BITS = 10;
constexpr uint32_t DISTANCE_TABLE_BITS = 8;
constexpr uint32_t ORDER_TABLE_BITS = 7;
// The most that codes of up to 15 bits need with first tables of these sizes (enough.c of zlib counts it).
constexpr uint32_t LENGTH_TABLE_SIZE = 1334;
constexpr uint32_t DISTANCE_TABLE_SIZE = 402;
constexpr uint32_t ORDER_TABLE_SIZE = 1u << ORDER_TABLE_BITS;

constexpr uint32_t LENGTH_SYMBOLS = 288;
constexpr uint32_t DISTANCE_SYMBOLS = 32;
constexpr uint32_t ORDER_SYMBOLS = 19;
constexpr uint32_t CODE_BITS_MAX = 15;

/** What each symbol means, without the bits of its code; extra bits stand where an entry has all of its bits. */
template <uint32_t COUNT>
struct Meanings {
  uint32_t of[COUNT] = {};
};

constexpr Meanings<LENGTH_SYMBOLS> makeLengthMeanings() {
  Meanings<LENGTH_SYMBOLS> meanings;
  for (uint32_t i = 0; i < 256; i++) meanings.of[i] = ENTRY_LITERAL | i << 16;
  meanings.of[256] = ENTRY_UNUSUAL | ENTRY_END;
  uint32_t base = 3;
  for (uint32_t i = 257; i < 285; i++) {
    const uint32_t extra = i < 265 ? 0 : (i - 261) / 4;
    meanings.of[i] = base << 16 | extra;
    base += 1u << extra;
  }
  meanings.of[285] = 258u << 16;
  meanings.of[286] = meanings.of[287] = ENTRY_UNUSUAL;
  return meanings;
}

constexpr Meanings<DISTANCE_SYMBOLS> makeDistanceMeanings() {
  Meanings<DISTANCE_SYMBOLS> meanings;
  uint32_t base = 1;
  for (uint32_t i = 0; i < 30; i++) {
    const uint32_t extra = i < 4 ? 0 : (i - 2) / 2;
    meanings.of[i] = base << 16 | extra;
    base += 1u << extra;
  }
  meanings.of[30] = meanings.of[31] = ENTRY_UNUSUAL;
  return meanings;
}

constexpr Meanings<ORDER_SYMBOLS> makeOrderMeanings() {
  Meanings<ORDER_SYMBOLS> meanings;
  for (uint32_t i = 0; i < ORDER_SYMBOLS; i++) meanings.of[i] = i << 16;
  return meanings;
}

inline constexpr auto LENGTH_MEANINGS = makeLengthMeanings();
inline constexpr auto DISTANCE_MEANINGS = makeDistanceMeanings();
inline constexpr auto ORDER_MEANINGS = makeOrderMeanings();

/** What stands where no code leads: one bit is taken, and found to be no code. */
constexpr uint32_t NO_CODE = ENTRY_UNUSUAL | 1u << 8 | 1;

/**
 * Fills a table.
 * @param lengths Bits of each symbol's code, 0 for those that have none.
 * @param mayLackCode A code of one symbol alone is allowed to be incomplete.
 * @returns False where the lengths do not form a code. Having no code at all is valid: its table has no entries.
 */
inline bool buildTable(uint32_t* table, uint32_t tableBits, const uint8_t* lengths, uint32_t symbolCount, const uint32_t* meanings,
                       bool mayLackCode) {
  uint16_t count[CODE_BITS_MAX + 1] = {};
  for (uint32_t i = 0; i < symbolCount; i++) count[lengths[i]]++;
  uint32_t longest = CODE_BITS_MAX;
  while (longest > 0 && count[longest] == 0) longest--;
  int32_t left = 1;
  for (uint32_t bits = 1; bits <= CODE_BITS_MAX && longest > 0; bits++) {
    left = left * 2 - count[bits];
    if (left < 0) return false;
  }
  if (longest > 0 && left > 0 && (!mayLackCode || longest != 1)) return false;
  const uint32_t size = 1u << tableBits;
  if (left > 0)
    for (uint32_t i = 0; i < size; i++) table[i] = NO_CODE;
  uint16_t next[CODE_BITS_MAX + 1];
  next[1] = 0;
  for (uint32_t bits = 1; bits < CODE_BITS_MAX; bits++) next[bits + 1] = uint16_t(next[bits] + count[bits]);
  const uint32_t usedCount = symbolCount - count[0];
  uint16_t sorted[LENGTH_SYMBOLS];
  for (uint32_t i = 0; i < symbolCount; i++)
    if (lengths[i] > 0) sorted[next[lengths[i]]++] = uint16_t(i);

  // Codes are read from their highest bit on, and bits from the lowest: so they are counted upwards from their other end.
  uint32_t code = 0;
  uint32_t freeAt = size;
  uint32_t second = 0;
  uint32_t secondBits = 0;
  uint32_t prefix = ~0u;
  for (uint32_t i = 0; i < usedCount; i++) {
    const uint32_t bits = lengths[sorted[i]];
    const uint32_t meaning = meanings[sorted[i]];
    if (bits <= tableBits) {
      const uint32_t entry = (meaning + bits) | bits << 8;
      for (uint32_t at = code; at < size; at += 1u << bits) table[at] = entry;
    } else {
      const uint32_t restBits = bits - tableBits;
      if ((code & (size - 1)) != prefix) {
        prefix = code & (size - 1);
        secondBits = restBits;
        for (int32_t room = 1 << secondBits; secondBits + tableBits < longest; secondBits++, room *= 2) {
          room -= count[secondBits + tableBits];
          if (room <= 0) break;
        }
        second = freeAt;
        freeAt += 1u << secondBits;
        table[prefix] = ENTRY_UNUSUAL | ENTRY_TABLE | second << 16 | secondBits << 8 | tableBits;
      }
      const uint32_t entry = (meaning + restBits) | restBits << 8;
      for (uint32_t at = code >> tableBits; at < 1u << secondBits; at += 1u << restBits) table[second + at] = entry;
    }
    count[bits]--;
    uint32_t bit = 1u << (bits - 1);
    while ((code & bit) != 0) bit >>= 1;
    code = bit == 0 ? 0 : (code & (bit - 1)) + bit;
  }
  return true;
}

}  // namespace millrace
