// Shape where: see shape-where.h.
#include "shape-where.h"

#include "simdjson-calls.h"

namespace millrace {
namespace {

bool isRelation(int order, Relation relation) {
  switch (relation) {
    case REL_EQ: return order == 0;
    case REL_NE: return order != 0;
    case REL_LT: return order < 0;
    case REL_LE: return order <= 0;
    case REL_GT: return order > 0;
    default: return order >= 0;
  }
}

template <typename Number>
int orderOf(Number one, Number other) {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Values of two kinds are different, and have no order. */
Verdict otherKind(Relation relation) {
  if (relation == REL_EQ) return VERDICT_NO_MATCH;
  return relation == REL_NE ? VERDICT_MATCH : VERDICT_ERROR;
}

bool isNumberStart(uint8_t byte) { return byte == '-' || uint8_t(byte - '0') < 10; }

constexpr double TENS[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/** The double that JSON.parse makes of a valid number. */
double toDouble(const uint8_t* at, const uint8_t* end) {
  const uint8_t* start = at;
  const bool isNegative = *at == '-';
  if (isNegative) at++;
  uint64_t digits = 0;
  uint32_t digitCount = 0;
  int32_t exponent = 0;
  for (; at < end && uint8_t(*at - '0') < 10; at++) {
    digits = digits * 10 + (*at - '0');
    digitCount++;
  }
  if (at < end && *at == '.') {
    for (at++; at < end && uint8_t(*at - '0') < 10; at++) {
      digits = digits * 10 + (*at - '0');
      digitCount++;
      exponent--;
    }
  }
  if (at < end || digitCount > 18 || digits > (uint64_t(1) << 53) || exponent < -22) {
    // Any form, any length; exact, and slow.
    return simdjson::internal::from_chars(reinterpret_cast<const char*>(start), reinterpret_cast<const char*>(end));
  }
  // Both are exact doubles, so their quotient is the nearest one.
  const double magnitude = exponent == 0 ? double(digits) : double(digits) / TENS[-exponent];
  return isNegative ? -magnitude : magnitude;
}

/** A double against an integer, as numbers, not as doubles. */
int orderOfInteger(double value, int64_t integer) {
  constexpr double TWO_63 = 9223372036854775808.0;
  if (value >= TWO_63) return 1;
  if (value < -TWO_63) return -1;
  const int64_t whole = int64_t(value);
  if (whole != integer) return orderOf(whole, integer);
  return orderOf(value, double(whole));
}

/** Whether a token that starts with a digit has nothing but digits. */
bool isDigits(const uint8_t* at, size_t length) {
  if (length >= 8) {
    uint64_t first, last;
    std::memcpy(&first, at, 8);
    std::memcpy(&last, at + length - 8, 8);
    return length <= 16 && othersOf(first) == 0 && othersOf(last) == 0;
  }
  if (length >= 4) {
    uint32_t first, last;
    std::memcpy(&first, at, 4);
    std::memcpy(&last, at + length - 4, 4);
    return othersOf(first | uint64_t(last) << 32) == 0;
  }
  for (size_t i = 1; i < length; i++) {
    if (uint8_t(at[i] - '0') > 9) return false;
  }
  return true;
}

/** A number against an integer: as they are written, where both are whole and exact, for then the longer one is the greater one. */
int orderOfNumber(ByteRange value, const ShapeConstant& constant) {
  const size_t length = size_t(value.end - value.start);
  if (constant.digitCount > 0 && length <= CONSTANT_DIGITS_MAX && *value.start != '-' && isDigits(value.start, length)) {
    if (length != constant.digitCount) return length < constant.digitCount ? -1 : 1;
    return std::memcmp(value.start, constant.digits, length);
  }
  return orderOfInteger(toDouble(value.start, value.end), constant.integer);
}

bool hasEscapes(const uint8_t* at, const uint8_t* end) { return std::memchr(at, '\\', size_t(end - at)) != nullptr; }

/** One character of plain UTF-8. */
uint32_t plainCharacter(const uint8_t*& at) {
  const uint8_t first = *at++;
  if (first < 0x80) return first;
  const int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  uint32_t point = first & (0x3f >> more);
  for (int i = 0; i < more; i++) point = (point << 6) | (*at++ & 0x3f);
  return point;
}

uint32_t firstUnit(uint32_t point) { return point < 0x10000 ? point : 0xd800 + ((point - 0x10000) >> 10); }

/** Order of two different characters as JavaScript compares texts, by UTF-16 units. @param next Of the value, behind a lone surrogate. */
int orderOfCharacters(uint32_t value, uint32_t other, uint32_t next) {
  const uint32_t valueUnit = firstUnit(value);
  const uint32_t otherUnit = firstUnit(other);
  if (valueUnit != otherUnit) return orderOf(valueUnit, otherUnit);
  // Pairs of one first half; or a lone first half, and what follows it stands against the second half.
  if (value >= 0x10000) return orderOf(value, other);
  return next == SHAPE_NONE ? -1 : orderOf(firstUnit(next), 0xdc00 + ((other - 0x10000) & 0x3ff));
}

int orderOfPlain(const uint8_t* at, size_t length, ShapeText text) {
  const size_t shared = length < text.length ? length : text.length;
  size_t same = 0;
  while (same < shared && at[same] == text.bytes[same]) same++;
  if (same == shared) return orderOf(length, size_t(text.length));
  const uint8_t one = at[same];
  const uint8_t other = text.bytes[same];
  // UTF-16 puts characters of four bytes before the last ones of three.
  const bool isSwapped = one >= 0xee && other >= 0xee && (one >= 0xf0) != (other >= 0xf0);
  return orderOf(one, other) * (isSwapped ? -1 : 1);
}

int orderOfText(ByteRange value, ShapeText text) {
  const uint8_t* at = value.start + 1;
  const uint8_t* end = value.end - 1;
  if (!hasEscapes(at, end)) return orderOfPlain(at, size_t(end - at), text);
  const uint8_t* other = text.bytes;
  const uint8_t* otherEnd = text.bytes + text.length;
  while (at < end && other < otherEnd) {
    const uint32_t one = readCharacter(at, end) & ~LONE_SURROGATE;
    const uint32_t two = plainCharacter(other);
    if (one == two) continue;
    const uint8_t* behind = at;
    return orderOfCharacters(one, two, at < end ? readCharacter(behind, end) & ~LONE_SURROGATE : SHAPE_NONE);
  }
  return int(at < end) - int(other < otherEnd);
}

bool isEqualText(ByteRange value, ShapeText text) {
  const uint8_t* at = value.start + 1;
  const size_t length = size_t(value.end - 1 - at);
  // Most texts differ in their first character.
  if (length > 0 && text.length > 0 && *at != *text.bytes && *at != '\\') return false;
  if (length == text.length && std::memcmp(at, text.bytes, length) == 0) return !hasEscapes(at, at + length);
  return hasEscapes(at, at + length) && orderOfText(value, text) == 0;
}

/** Reads exactly two digits. @returns Beyond every limit where there are none. */
uint32_t twoDigits(const uint8_t* at) {
  const uint32_t tens = uint32_t(at[0]) - '0';
  const uint32_t ones = uint32_t(at[1]) - '0';
  return tens < 10 && ones < 10 ? tens * 10 + ones : 1000;
}

/** Days since 1970 of a date of the Gregorian calendar. */
int64_t daysOf(int64_t year, uint32_t month, uint32_t day) {
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const uint32_t yearOfEra = uint32_t(year - era * 400);
  const uint32_t dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const uint32_t dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return era * 146097 + int64_t(dayOfEra) - 719468;
}

/** Reads a time of the common form. @returns False for any other: JavaScript takes many. */
bool readTime(const uint8_t* at, const uint8_t* end, int64_t* timeMs) {
  const size_t length = size_t(end - at);
  if (length < 20 || length > 30) return false;
  if (at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':') return false;
  const uint32_t century = twoDigits(at);
  const uint32_t years = twoDigits(at + 2);
  const uint32_t month = twoDigits(at + 5);
  const uint32_t day = twoDigits(at + 8);
  const uint32_t hour = twoDigits(at + 11);
  const uint32_t minute = twoDigits(at + 14);
  const uint32_t second = twoDigits(at + 17);
  // Days that every month has; the years that the library accepts.
  if (century < 10 || century > 99 || years > 99 || month - 1 > 11 || day - 1 > 27 || hour > 23 || minute > 59 || second > 59) {
    return false;
  }
  int64_t ms = ((daysOf(century * 100 + years, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
  at += 19;
  if (at < end && *at == '.') {
    int64_t scale = 100;
    uint32_t count = 0;
    for (at++; at < end && uint8_t(*at - '0') < 10; at++, count++, scale /= 10) ms += (*at - '0') * scale;
    if (count == 0 || count > 9) return false;
  }
  if (end - at == 1 && *at == 'Z') {
    *timeMs = ms;
    return true;
  }
  if (end - at != 6 || (*at != '+' && *at != '-') || at[3] != ':') return false;
  const uint32_t offsetHours = twoDigits(at + 1);
  const uint32_t offsetMinutes = twoDigits(at + 4);
  if (offsetHours > 23 || offsetMinutes > 59) return false;
  const int64_t offsetMs = (int64_t(offsetHours) * 60 + offsetMinutes) * 60000;
  *timeMs = *at == '+' ? ms - offsetMs : ms + offsetMs;
  return true;
}

/** Decodes a text; lone surrogates as three bytes. @returns False without memory. */
bool decode(ByteRange value, TextScratch& scratch) {
  scratch.count = 0;
  const uint8_t* at = value.start + 1;
  const uint8_t* end = value.end - 1;
  // No character takes more bytes than its escape.
  if (!scratch.reserve(uint64_t(end - at) + 4)) return false;
  while (at < end) scratch.count += writeCharacter(readCharacter(at, end) & ~LONE_SURROGATE, scratch.items + scratch.count);
  return true;
}

}  // namespace

Verdict compareValue(ByteRange value, Relation relation, const ShapeConstant& constant) {
  const uint8_t first = *value.start;
  switch (constant.kind) {
    case CONST_TEXT:
      if (first != '"') return otherKind(relation);
      if (relation == REL_EQ) return verdictOf(isEqualText(value, constant.text));
      if (relation == REL_NE) return verdictOf(!isEqualText(value, constant.text));
      return verdictOf(isRelation(orderOfText(value, constant.text), relation));
    case CONST_INT:
      if (!isNumberStart(first)) return otherKind(relation);
      return verdictOf(isRelation(orderOfNumber(value, constant), relation));
    case CONST_DOUBLE:
      if (!isNumberStart(first)) return otherKind(relation);
      return verdictOf(isRelation(orderOf(toDouble(value.start, value.end), constant.number), relation));
    case CONST_NULL: return first == 'n' ? verdictOf(relation == REL_EQ) : otherKind(relation);
    default:
      if (first != 't' && first != 'f') return otherKind(relation);
      return verdictOf(isRelation(orderOf(int(first == 't'), int(constant.kind == CONST_TRUE)), relation));
  }
}

Verdict testText(ByteRange value, ShapeOpKind kind, ShapeText text, TextScratch& scratch) {
  if (*value.start != '"') return VERDICT_ERROR;
  const uint8_t* at = value.start + 1;
  size_t length = size_t(value.end - 1 - at);
  if (kind == OP_STARTS_WITH) {
    // Escapes behind what is asked for do not matter.
    size_t same = 0;
    while (same < length && same < text.length && at[same] == text.bytes[same] && at[same] != '\\') same++;
    if (same == text.length) return VERDICT_MATCH;
    if (same == length || at[same] != '\\') return VERDICT_NO_MATCH;
  }
  if (hasEscapes(at, at + length)) {
    if (!decode(value, scratch)) return VERDICT_UNKNOWN;
    at = scratch.items;
    length = scratch.count;
  }
  if (text.length == 0) return VERDICT_MATCH;
  if (length < text.length) return VERDICT_NO_MATCH;
  if (kind == OP_STARTS_WITH) return verdictOf(std::memcmp(at, text.bytes, text.length) == 0);
  if (kind == OP_ENDS_WITH) return verdictOf(std::memcmp(at + length - text.length, text.bytes, text.length) == 0);
  return verdictOf(memmem(at, length, text.bytes, text.length) != nullptr);
}

int64_t countCharacters(ByteRange value) {
  const uint8_t* at = value.start + 1;
  const uint8_t* end = value.end - 1;
  if (!hasEscapes(at, end)) return charsOf(at, end);
  int64_t count = 0;
  for (; at < end; count++) readCharacter(at, end);
  return count;
}

Verdict compareCount(int64_t count, Relation relation, int64_t wanted) {
  return verdictOf(isRelation(orderOf(count, wanted), relation));
}

Verdict compareTime(ByteRange value, Relation relation, int64_t wantedMs) {
  if (*value.start != '"') return VERDICT_ERROR;
  int64_t timeMs;
  if (!readTime(value.start + 1, value.end - 1, &timeMs)) return VERDICT_UNKNOWN;
  return verdictOf(isRelation(orderOf(timeMs, wantedMs), relation));
}

}  // namespace millrace
