// JSON line: see json-line.h.
#include "json-line.h"

#include <cstring>

namespace millrace {
namespace {

const uint8_t* skipSpace(const uint8_t* at, const uint8_t* end) {
  while (at < end && isJsonSpace(*at)) at++;
  return at;
}

bool isDigit(uint8_t byte) { return uint8_t(byte - '0') < 10; }

int hexValue(uint8_t byte) {
  if (isDigit(byte)) return byte - '0';
  const uint8_t lower = byte | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/** Bytes with the high bit set where `word` has a quote, a backslash or a control character; the first one is exact. */
uint64_t stringStops(uint64_t word) {
  constexpr uint64_t ONES = 0x0101010101010101u;
  constexpr uint64_t HIGHS = 0x8080808080808080u;
  const uint64_t quote = word ^ (ONES * '"');
  const uint64_t backslash = word ^ (ONES * '\\');
  const uint64_t stops = ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | ((word - ONES * 0x20) & ~word);
  return stops & HIGHS;
}

/** First quote, backslash or control character, or `end`. */
const uint8_t* findStringStop(const uint8_t* at, const uint8_t* end) {
  while (end - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    const uint64_t stops = stringStops(word);
    if (stops != 0) return at + (__builtin_ctzll(stops) >> 3);
    at += 8;
  }
  while (at < end && *at != '"' && *at != '\\' && *at >= 0x20) at++;
  return at;
}

/** @param at After the opening quote. @returns After the closing quote, or null if this is not a valid string. */
const uint8_t* checkString(const uint8_t* at, const uint8_t* end) {
  for (;;) {
    at = findStringStop(at, end);
    if (at == end || *at < 0x20) return nullptr;
    if (*at == '"') return at + 1;
    if (end - at < 2) return nullptr;
    if (at[1] == 'u') {
      if (end - at < 6) return nullptr;
      for (int i = 2; i < 6; i++) {
        if (hexValue(at[i]) < 0) return nullptr;
      }
      at += 6;
    } else {
      if (at[1] == 0 || std::strchr("\"\\/bfnrt", at[1]) == nullptr) return nullptr;
      at += 2;
    }
  }
}

/** The same for a string that is known to be valid. */
const uint8_t* skipString(const uint8_t* at, const uint8_t* end) {
  for (;;) {
    at = findStringStop(at, end);
    if (at >= end) return end;
    if (*at == '"') return at + 1;
    at += 2;
  }
}

const uint8_t* skipLiteral(const uint8_t* at, const uint8_t* end, const char* literal, size_t literalBytes) {
  const bool isThere = size_t(end - at) >= literalBytes && std::memcmp(at, literal, literalBytes) == 0;
  return isThere ? at + literalBytes : nullptr;
}

/** @returns After the string, number or literal that starts here, or null. */
const uint8_t* checkScalar(const uint8_t* at, const uint8_t* end) {
  switch (*at) {
    case '"': return checkString(at + 1, end);
    case 't': return skipLiteral(at, end, "true", 4);
    case 'f': return skipLiteral(at, end, "false", 5);
    case 'n': return skipLiteral(at, end, "null", 4);
    default: return skipNumber(at, end);
  }
}

/** @param at At the member's opening quote. @returns At the member's value, or null. */
const uint8_t* checkName(const uint8_t* at, const uint8_t* end) {
  if (at == end || *at != '"') return nullptr;
  at = checkString(at + 1, end);
  if (at == nullptr) return nullptr;
  at = skipSpace(at, end);
  if (at == end || *at != ':') return nullptr;
  return skipSpace(at + 1, end);
}

/** Skips one value of valid JSON; containers by counting. */
const uint8_t* skipValue(const uint8_t* at, const uint8_t* end) {
  uint64_t depth = 0;
  while (at < end) {
    const uint8_t byte = *at;
    if (byte == '"') {
      at = skipString(at + 1, end);
    } else if (byte == '{' || byte == '[') {
      depth++;
      at++;
      continue;
    } else if (byte == '}' || byte == ']') {
      depth--;
      at++;
    } else if (depth > 0) {
      at++;
      continue;
    } else {
      while (at < end && !isJsonSpace(*at) && *at != ',' && *at != ']' && *at != '}') at++;
    }
    if (depth == 0) return at;
  }
  return end;
}

uint32_t nextCharacter(const uint8_t*& at, const uint8_t* end) {
  const uint8_t first = *at;
  if (first != '\\') {
    const int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? first : first & (0x3f >> more);
    at++;
    for (int i = 0; i < more && at < end; i++) point = (point << 6) | (*at++ & 0x3f);
    return point;
  }
  const uint8_t kind = at[1];
  at += 2;
  switch (kind) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return kind;
  }
  auto readUnit = [](const uint8_t* from) {
    return uint32_t(hexValue(from[0]) << 12 | hexValue(from[1]) << 8 | hexValue(from[2]) << 4 | hexValue(from[3]));
  };
  const uint32_t unit = readUnit(at);
  at += 4;
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
    const uint32_t low = readUnit(at + 2);
    if (low >= 0xdc00 && low <= 0xdfff) {
      at += 6;
      return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  return unit | LONE_SURROGATE;
}

uint32_t encodeUtf8(uint32_t point, uint8_t* out) {
  if (point < 0x80) {
    out[0] = uint8_t(point);
    return 1;
  }
  if (point < 0x800) {
    out[0] = uint8_t(0xc0 | (point >> 6));
    out[1] = uint8_t(0x80 | (point & 0x3f));
    return 2;
  }
  if (point < 0x10000) {
    out[0] = uint8_t(0xe0 | (point >> 12));
    out[1] = uint8_t(0x80 | ((point >> 6) & 0x3f));
    out[2] = uint8_t(0x80 | (point & 0x3f));
    return 3;
  }
  out[0] = uint8_t(0xf0 | (point >> 18));
  out[1] = uint8_t(0x80 | ((point >> 12) & 0x3f));
  out[2] = uint8_t(0x80 | ((point >> 6) & 0x3f));
  out[3] = uint8_t(0x80 | (point & 0x3f));
  return 4;
}

/** Whether a valid string's inside, decoded, is the name. */
bool isName(const uint8_t* at, const uint8_t* end, const uint8_t* name, uint32_t nameBytes) {
  const uint8_t* nameEnd = name + nameBytes;
  while (at < end) {
    const uint32_t point = nextCharacter(at, end);
    // No token holds a lone surrogate: they are made well-formed where the pointer is read.
    if ((point & LONE_SURROGATE) != 0) return false;
    uint8_t encoded[4];
    const uint32_t bytes = encodeUtf8(point, encoded);
    if (uint32_t(nameEnd - name) < bytes || std::memcmp(name, encoded, bytes) != 0) return false;
    name += bytes;
  }
  return name == nameEnd;
}

/** @param at At `{`. @returns At the value of the last member of that name, or null. */
const uint8_t* findMember(const uint8_t* at, const uint8_t* end, const PointerToken& token) {
  const uint8_t* found = nullptr;
  at = skipSpace(at + 1, end);
  while (at < end && *at == '"') {
    const uint8_t* nameEnd = skipString(at + 1, end);
    const uint8_t* value = skipSpace(skipSpace(nameEnd, end) + 1, end);
    if (isName(at + 1, nameEnd - 1, token.name, token.nameBytes)) found = value;
    at = skipSpace(skipValue(value, end), end);
    if (at < end && *at == ',') at = skipSpace(at + 1, end);
  }
  return found;
}

/** @param at At `[`. @returns At the element, or null. */
const uint8_t* findElement(const uint8_t* at, const uint8_t* end, const PointerToken& token) {
  if (!token.isIndex) return nullptr;
  at = skipSpace(at + 1, end);
  for (uint32_t index = 0; at < end && *at != ']'; index++) {
    if (index == token.index) return at;
    at = skipSpace(skipValue(at, end), end);
    if (at < end && *at == ',') at = skipSpace(at + 1, end);
  }
  return nullptr;
}

}  // namespace

const uint8_t* skipNumber(const uint8_t* at, const uint8_t* end) {
  if (at < end && *at == '-') at++;
  if (at == end || !isDigit(*at)) return nullptr;
  if (*at == '0') {
    at++;
  } else {
    while (at < end && isDigit(*at)) at++;
  }
  if (at < end && *at == '.') {
    at++;
    if (at == end || !isDigit(*at)) return nullptr;
    while (at < end && isDigit(*at)) at++;
  }
  if (at < end && (*at | 0x20) == 'e') {
    at++;
    if (at < end && (*at == '+' || *at == '-')) at++;
    if (at == end || !isDigit(*at)) return nullptr;
    while (at < end && isDigit(*at)) at++;
  }
  return at;
}

bool isTooDeep(const uint8_t* at, const uint8_t* end, uint32_t depthMax) {
  // Every level takes a byte.
  if (uint64_t(end - at) <= depthMax) return false;
  int64_t depth = 0;
  for (; at < end; at++) {
    const uint8_t byte = *at;
    if (byte == '"') {
      for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') at++;
      }
    } else if (byte == '[' || byte == '{') {
      if (++depth > int64_t(depthMax)) return true;
    } else if (byte == ']' || byte == '}') {
      depth--;
    }
  }
  return false;
}

bool isJson(const uint8_t* at, const uint8_t* end, uint64_t* stack) {
  uint64_t depth = 0;
  auto isObject = [&] { return (stack[(depth - 1) >> 6] >> ((depth - 1) & 63)) & 1; };
  for (;;) {
    // Here a value has to start.
    at = skipSpace(at, end);
    if (at == end) return false;
    if (*at == '{' || *at == '[') {
      const bool opensObject = *at == '{';
      const uint64_t bit = uint64_t(1) << (depth & 63);
      stack[depth >> 6] = opensObject ? stack[depth >> 6] | bit : stack[depth >> 6] & ~bit;
      depth++;
      at = skipSpace(at + 1, end);
      if (at == end) return false;
      const uint8_t closer = opensObject ? '}' : ']';
      if (*at != closer) {
        if (!opensObject) continue;
        at = checkName(at, end);
        if (at == nullptr) return false;
        continue;
      }
      at++;
      depth--;
    } else {
      at = checkScalar(at, end);
      if (at == nullptr) return false;
    }
    // Here a value has ended.
    for (;;) {
      at = skipSpace(at, end);
      if (depth == 0) return at == end;
      if (at == end) return false;
      if (*at == ',') {
        at++;
        if (isObject()) {
          at = checkName(skipSpace(at, end), end);
          if (at == nullptr) return false;
        }
        break;
      }
      if (*at != (isObject() ? '}' : ']')) return false;
      at++;
      depth--;
    }
  }
}

ByteRange locate(const uint8_t* start, const uint8_t* end, const JsonPointer& pointer) {
  const uint8_t* at = skipSpace(start, end);
  for (uint32_t i = 0; i < pointer.tokenCount; i++) {
    if (*at == '{') {
      at = findMember(at, end, pointer.tokens[i]);
    } else if (*at == '[') {
      at = findElement(at, end, pointer.tokens[i]);
    } else {
      at = nullptr;
    }
    if (at == nullptr) return {nullptr, nullptr};
  }
  return {at, skipValue(at, end)};
}

bool locateNear(const uint8_t* at, const uint8_t* near, const JsonPointer& pointer, ByteRange& value) {
  for (uint32_t i = 0; i < pointer.tokenCount; i++) {
    const PointerToken& token = pointer.tokens[i];
    if (at >= near || *at != '{') return false;
    for (bool isFound = false; !isFound;) {
      const uint8_t* name = ++at + 1;
      if (at >= near || *at != '"') return false;
      const uint8_t* nameEnd = skipString(name, near) - 1;
      if (near - nameEnd < 2 || nameEnd[1] != ':') return false;
      at = nameEnd + 2;
      const size_t nameBytes = size_t(nameEnd - name);
      isFound = nameBytes == token.nameBytes && std::memcmp(name, token.name, nameBytes) == 0;
      if (isFound) continue;
      // An escape may stand for what stands in the token as it is.
      if (std::memchr(name, '\\', nameBytes) != nullptr) return false;
      at = skipValue(at, near);
      if (at >= near || *at != ',') return false;
    }
  }
  value = {at, skipValue(at, near)};
  // What ends there may go on.
  return value.end < near;
}

int32_t decodeKey(const uint8_t* at, const uint8_t* end, uint32_t charsMax, uint8_t* out) {
  uint32_t chars = 0;
  uint32_t bytes = 0;
  while (at < end) {
    uint32_t point = nextCharacter(at, end);
    if ((point & LONE_SURROGATE) != 0) point = 0xfffd;
    if (++chars > charsMax) return -1;
    bytes += encodeUtf8(point, out + bytes);
  }
  return int32_t(bytes);
}

uint32_t readCharacter(const uint8_t*& at, const uint8_t* end) { return nextCharacter(at, end); }

uint32_t writeCharacter(uint32_t point, uint8_t* out) { return encodeUtf8(point, out); }

bool isJsonName(const uint8_t* at, const uint8_t* end, const uint8_t* name, uint32_t nameBytes) {
  return isName(at, end, name, nameBytes);
}

uint32_t charsOf(const uint8_t* at, const uint8_t* end) {
  uint32_t chars = 0;
  for (; at < end; at++) chars += uint32_t((*at & 0xc0) != 0x80);
  return chars;
}

bool parseHashKey(const uint8_t* at, const uint8_t* end, uint64_t* high, uint64_t* low) {
  const size_t digits = size_t(end - at);
  if (digits == 0 || digits > 39 || (digits > 1 && *at == '0')) return false;
  unsigned __int128 value = 0;
  for (; at < end; at++) {
    if (!isDigit(*at)) return false;
    const unsigned digit = *at - '0';
    if (value > (~(unsigned __int128)0 - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *high = uint64_t(value >> 64);
  *low = uint64_t(value);
  return true;
}

}  // namespace millrace
