// CBOR reader: a cursor over one CBOR item (RFC 8949) from a peer that is not trusted. Every step is checked against the end;
// after the first fault `isOk` is false for good and every further step fails. Definite and indefinite lengths.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {

struct TextRef {
  const uint8_t* bytes = nullptr;
  size_t length = 0;
  template <size_t SIZE>
  bool is(const char (&text)[SIZE]) const {
    return length == SIZE - 1 && std::memcmp(bytes, text, SIZE - 1) == 0;
  }
};

class CborReader {
 public:
  enum Major : uint8_t { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
  static constexpr uint64_t INDEFINITE = UINT64_MAX;
  static constexpr uint32_t DEPTH_MAX = 32;

  CborReader(const uint8_t* bytes, size_t length) : at(bytes), end(bytes + length) {}

  bool isOk = true;
  bool isAtEnd() const {
    assert(at <= end);
    return at == end;
  }
  bool fail() {
    isOk = false;
    return false;
  }

  /** The major type of the next item. */
  Major peek() const { return at < end ? Major(*at >> 5) : SIMPLE; }
  bool peekNull() const { return at < end && (*at == 0xf6 || *at == 0xf7); }

  /** Opens an array or a map. @param length Receives the number of items or pairs, or INDEFINITE. */
  bool open(Major major, uint64_t& length) {
    uint8_t info;
    if (peek() != major || !head(info, length)) return fail();
    if (info == 31) length = INDEFINITE;
    // Each item takes a byte at least: a length beyond that is a lie, and nothing is ever allocated for it.
    else if (length > uint64_t(end - at)) return fail();
    return true;
  }

  /** Whether another item follows in a container that `open` has opened. Counts `left` down, or eats the break. */
  bool more(uint64_t& left) {
    if (!isOk) return false;
    if (left != INDEFINITE) {
      if (left == 0) return false;
      left--;
      return true;
    }
    if (at >= end) return fail();
    if (*at != 0xff) return true;
    at++;
    return false;
  }

  /** A text string of definite length. Chunked text is well-formed too but not read here: the caller falls back. */
  bool text(TextRef& text) {
    uint8_t info;
    uint64_t length;
    if (peek() != TEXT || !head(info, length) || info == 31 || length > uint64_t(end - at)) return fail();
    text = {at, size_t(length)};
    at += length;
    return true;
  }

  /** A byte string of definite length. */
  bool byteString(TextRef& bytes) {
    uint8_t info;
    uint64_t length;
    if (peek() != BYTES || !head(info, length) || info == 31 || length > uint64_t(end - at)) return fail();
    bytes = {at, size_t(length)};
    at += length;
    return true;
  }

  /** An integer or a float of 32 or 64 bits, tagged or not: a timestamp is one. */
  bool number(double& value) {
    uint8_t info;
    uint64_t argument;
    const Major major = peek();
    if (!head(info, argument)) return fail();
    if (major == TAG && peek() != TAG) return number(value);
    if (major == UNSIGNED && info != 31) {
      value = double(argument);
      return true;
    }
    if (major == NEGATIVE && info != 31) {
      value = -1.0 - double(argument);
      return true;
    }
    if (major != SIMPLE || info < 26 || info > 27) return fail();
    if (info == 27) {
      std::memcpy(&value, &argument, 8);
      return true;
    }
    const uint32_t bits = uint32_t(argument);
    float narrow;
    std::memcpy(&narrow, &bits, 4);
    value = narrow;
    return true;
  }

  /** Where the next item starts. */
  const uint8_t* position() const { return at; }

  /** Steps over one item of any kind. */
  bool skip(uint32_t depth) {
    if (at >= end || depth > DEPTH_MAX) return fail();
    const Major major = peek();
    uint8_t info;
    uint64_t argument;
    switch (major) {
      case ARRAY:
        if (!open(ARRAY, argument)) return false;
        while (more(argument))
          if (!skip(depth + 1)) return false;
        return isOk;
      case MAP: {
        if (!open(MAP, argument)) return false;
        TextRef key;
        while (more(argument))
          if (!text(key) || !skip(depth + 1)) return false;
        return isOk;
      }
      case BYTES:
      case TEXT:
        if (!head(info, argument) || info == 31 || argument > uint64_t(end - at)) return fail();
        at += argument;
        return true;
      case TAG:
        return head(info, argument) && info != 31 ? skip(depth + 1) : fail();
      default:
        return head(info, argument) && info != 31 ? true : fail();
    }
  }

 private:
  /** The first byte of an item and its argument. `info` 31 has none. */
  bool head(uint8_t& info, uint64_t& argument) {
    if (at >= end) return fail();
    info = *at++ & 31;
    argument = info;
    if (info < 24 || info == 31) return true;
    if (info > 27) return fail();
    const size_t size = size_t(1) << (info - 24);
    if (size > size_t(end - at)) return fail();
    argument = 0;
    for (size_t i = 0; i < size; i++) argument = argument << 8 | *at++;
    return true;
  }

  const uint8_t* at;
  const uint8_t* end;
};

}  // namespace millrace
