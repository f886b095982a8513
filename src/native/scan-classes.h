// Scan classes: what each byte means to the windowed scanner, as tables that all instruction sets share.
#pragma once

#include <cstdint>

namespace millrace {

/** Bits of a byte's class. */
constexpr uint8_t CLASS_STRUCTURAL = 1;  // { } [ ] : , and newline: each is a token
constexpr uint8_t CLASS_DELIMITER = 2;   // those, space, tab and carriage return: numbers and literals end before them
constexpr uint8_t CLASS_CONTROL = 8;     // below 0x20
constexpr uint8_t CLASS_QUOTE = 16;
constexpr uint8_t CLASS_BACKSLASH = 32;
constexpr uint8_t CLASS_HIGH = 64;      // beyond ASCII

/** Bits of a byte's class behind a backslash. */
constexpr uint8_t ESCAPE_ALLOWED = 1;   // " \ / b f n r t u
constexpr uint8_t ESCAPE_HEX = 2;
constexpr uint8_t ESCAPE_U = 4;

struct ClassTable {
  uint8_t of[256];
};

constexpr bool isOneOf(int byte, const char* list) {
  for (; *list != 0; list++) {
    if (byte == *list) return true;
  }
  return false;
}

constexpr ClassTable makeByteClasses() {
  ClassTable table = {};
  for (int byte = 0; byte < 256; byte++) {
    uint8_t bits = 0;
    if (isOneOf(byte, "{}[]:,\n")) bits |= CLASS_STRUCTURAL;
    if (isOneOf(byte, "{}[]:,\n \t\r")) bits |= CLASS_DELIMITER;
    if (byte < 0x20) bits |= CLASS_CONTROL;
    if (byte == '"') bits |= CLASS_QUOTE;
    if (byte == '\\') bits |= CLASS_BACKSLASH;
    if (byte >= 0x80) bits |= CLASS_HIGH;
    table.of[byte] = bits;
  }
  return table;
}

constexpr ClassTable makeEscapeClasses() {
  ClassTable table = {};
  for (int byte = 0; byte < 256; byte++) {
    uint8_t bits = 0;
    if (isOneOf(byte, "\"\\/bfnrtu")) bits |= ESCAPE_ALLOWED;
    if (isOneOf(byte, "0123456789abcdefABCDEF")) bits |= ESCAPE_HEX;
    if (byte == 'u') bits |= ESCAPE_U;
    table.of[byte] = bits;
  }
  return table;
}

alignas(64) inline constexpr ClassTable BYTE_CLASSES = makeByteClasses();
alignas(64) inline constexpr ClassTable ESCAPE_CLASSES = makeEscapeClasses();

/** Whether a number or literal may end before this byte. */
inline bool isScalarEnd(uint8_t byte) {
  return (BYTE_CLASSES.of[byte] & (CLASS_DELIMITER | CLASS_QUOTE)) != 0;
}

/**
 * Whether a number without exponent starts at `at` and ends where its token ends.
 * @param isDigit One bit for each of the first `bitCount` bytes, at most 32; a number that is not shorter is not decided.
 */
[[gnu::always_inline]] inline bool isDecimalNumber(const uint8_t* at, const uint8_t* end, uint32_t isDigit, uint32_t bitCount) {
  const uint64_t others = ~uint64_t(isDigit);
  const uint32_t first = *at == '-';
  const uint32_t wholeCount = uint32_t(__builtin_ctzll(others >> first));
  uint32_t length = first + wholeCount;
  if (wholeCount == 0 || length >= bitCount) return false;
  if (wholeCount > 1 && at[first] == '0') return false;
  if (at + length == end) return true;
  if (at[length] == '.') {
    const uint32_t partCount = uint32_t(__builtin_ctzll(others >> (length + 1)));
    length += 1 + partCount;
    if (partCount == 0 || length >= bitCount) return false;
    if (at + length == end) return true;
  }
  return isScalarEnd(at[length]);
}

inline bool isDecimal(uint8_t byte) { return uint8_t(byte - '0') < 10; }

}  // namespace millrace
