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

/** Of first bytes of valid tokens only the four brackets have this value in these bits. */
constexpr uint8_t BRACKET_BITS = 0xd9;
constexpr uint8_t BRACKET = '{' & BRACKET_BITS;

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
 * Whether a number of nothing but digits, less than `bitCount` of them, starts at `at` and ends where its token ends.
 * @param isDigit One bit for each of the first bytes. @param bitCount At most 31.
 */
[[gnu::always_inline]] inline bool isDigitsOnly(const uint8_t* at, const uint8_t* end, uint32_t isDigit, uint32_t bitCount) {
  const uint32_t count = uint32_t(__builtin_ctz(~isDigit | (1u << bitCount)));
  if (count == 0 || count == bitCount || (count > 1 && *at == '0')) return false;
  return at + count == end || isScalarEnd(at[count]);
}

/** What the first bytes at a number are, one bit each; those past the end of the window are nothing. */
struct NumberMasks {
  uint32_t digit, dot, exponent, minus, plus;
};

/**
 * Whether a number of less than `bitCount` bytes starts at `at` and ends where its token ends; longer ones are not decided.
 * JSON's rules for numbers are about neighbours and order, so shifted masks say it without a branch: which characters a number
 * has cannot be predicted.
 * @param bitCount At most 31.
 */
[[gnu::always_inline]] inline bool isShortNumber(const uint8_t* at, const uint8_t* end, const NumberMasks& is, uint32_t bitCount) {
  const uint32_t sign = is.minus | is.plus;
  const uint32_t length = uint32_t(__builtin_ctz(~(is.digit | is.dot | is.exponent | sign) | (1u << bitCount)));
  const uint32_t inside = (1u << length) - 1;
  const uint32_t digit = is.digit & inside;
  const uint32_t dot = is.dot & inside;
  const uint32_t exponent = is.exponent & inside;
  const uint32_t signs = sign & inside;
  const uint32_t start = is.minus & 1;
  uint32_t wrong = dot & ~((digit << 1) & (digit >> 1));              // a dot stands between digits
  wrong |= exponent & ~(digit << 1);                                  // an exponent follows a digit
  wrong |= (exponent << 1) & ~(digit | signs);                        // and is followed by a digit or a sign
  wrong |= (signs << 1) & ~digit;                                     // a sign is followed by a digit
  wrong |= signs & ~((exponent << 1) | start);                        // and starts the number, as minus, or the exponent
  wrong |= (dot & (dot - 1)) | (exponent & (exponent - 1));           // one of each at most
  wrong |= dot & (0 - exponent);                                      // in this order
  wrong |= ~(digit >> start) & 1;                                     // a digit comes first
  const uint8_t first = at[length > start ? start : 0];               // a lone minus may be the window's last byte
  wrong |= (digit >> (start + 1)) & uint32_t(first == '0') & 1;       // no digit behind a leading zero
  wrong |= uint32_t(length == bitCount);
  return wrong == 0 && (at + length == end || isScalarEnd(at[length]));
}

inline bool isDecimal(uint8_t byte) { return uint8_t(byte - '0') < 10; }

}  // namespace millrace
