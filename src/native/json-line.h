// JSON line: the exact validator of one line, byte by byte. The windowed scanner asks it about every line that it does not accept
// itself, so here and only here a line is refused. Also finds values by pointer and decodes strings, for the rare cases that the
// windowed scanner leaves to it. No recursion, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "constants.h"

namespace millrace {

/** Each of a key's KEY_CHARS_MAX Unicode characters takes at most four bytes of UTF-8. */
constexpr uint32_t KEY_BYTES_MAX = KEY_CHARS_MAX * 4;

/** One reference token of a JSON Pointer, unescaped. */
struct PointerToken {
  const uint8_t* name;
  uint32_t nameBytes;
  /** Whether it can be an array index: digits without leading zeros, below 2^32. */
  bool isIndex;
  uint32_t index;
};

struct JsonPointer {
  const PointerToken* tokens;
  uint32_t tokenCount;
};

struct ByteRange {
  const uint8_t* start;
  const uint8_t* end;
};

inline bool isJsonSpace(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

/** Whether the bytes nest deeper than depthMax, by the rule of src/scan/depth.ts. */
bool isTooDeep(const uint8_t* start, const uint8_t* end, uint32_t depthMax);

/**
 * Whether JSON.parse accepts the bytes, which are well-formed UTF-8 and not too deep.
 * @param stack One bit for each level that may be open, at least depthMax bits.
 */
bool isJson(const uint8_t* start, const uint8_t* end, uint64_t* stack);

/** @returns The end of the number that starts here, or null where there is none. */
const uint8_t* skipNumber(const uint8_t* at, const uint8_t* end);

/** Finds the value of valid JSON, as written; {null, null} where the pointer leads nowhere. The last of equal names wins. */
ByteRange locate(const uint8_t* start, const uint8_t* end, const JsonPointer& pointer);

/**
 * The same for what JSON.stringify writes, where no space stands between tokens and no name twice in an object, by members alone, whose names are
 * written as they are; it looks at nothing behind `near`. @returns False where that does not suffice.
 */
bool locateNear(const uint8_t* start, const uint8_t* near, const JsonPointer& pointer, ByteRange& value);

/**
 * Decodes a valid string's inside to UTF-8; lone surrogates become U+FFFD.
 * @param charsMax KEY_CHARS_MAX at most.
 * @param out KEY_BYTES_MAX bytes.
 * @returns Bytes written, or -1 for over `charsMax` characters.
 */
int32_t decodeKey(const uint8_t* start, const uint8_t* end, uint32_t charsMax, uint8_t* out);

/** Set in a character that is half of a pair, without the other half. */
constexpr uint32_t LONE_SURROGATE = 0x80000000u;

/** Reads one character of a valid string's inside. @returns The code point, a lone surrogate with LONE_SURROGATE set. */
uint32_t readCharacter(const uint8_t*& at, const uint8_t* end);

/** Writes a code point; surrogates, too, as three bytes. @returns How many. */
uint32_t writeCharacter(uint32_t point, uint8_t* out);

/** Whether a valid string's inside, decoded, is this name, which holds no lone surrogate. */
bool isJsonName(const uint8_t* at, const uint8_t* end, const uint8_t* name, uint32_t nameBytes);

/** Unicode characters of well-formed UTF-8. */
uint32_t charsOf(const uint8_t* start, const uint8_t* end);

/** Reads 0 to 2^128 - 1 in decimal without leading zeros. @returns False for everything else. */
bool parseHashKey(const uint8_t* start, const uint8_t* end, uint64_t* high, uint64_t* low);

}  // namespace millrace
