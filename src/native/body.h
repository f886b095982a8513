// Body: writes PutRecords requests, {Records: [{Data, PartitionKey, ExplicitHashKey?}...], StreamARN}, in CBOR and in JSON.
// Whoever writes asks before each entry whether it fits (entryBytesMax), and before all whether what surrounds them does.
#pragma once

#include "base64.h"
#include "constants.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {

/** Bytes of the largest 128-bit number in decimal. */
constexpr size_t DECIMAL_BYTES_MAX = 39;

/** Writes a 128-bit number in decimal. @returns Its length. */
inline size_t writeDecimal(uint8_t* to, uint64_t high, uint64_t low) {
  unsigned __int128 value = (static_cast<unsigned __int128>(high) << 64) | low;
  uint8_t digits[DECIMAL_BYTES_MAX + 1];
  size_t at = sizeof digits;
  // Nineteen digits at a time: a division of 128 bits is slow, one of 64 is not.
  constexpr uint64_t step = 10000000000000000000ull;
  for (;;) {
    const bool isTop = value < step;
    uint64_t part = static_cast<uint64_t>(value % step);
    value /= step;
    for (int i = 0; i < 19 && (!isTop || part > 0 || i == 0); i++, part /= 10) digits[--at] = uint8_t('0' + part % 10);
    if (isTop) break;
  }
  std::memcpy(to, digits + at, sizeof digits - at);
  return sizeof digits - at;
}

inline uint8_t* put(uint8_t* to, const void* from, size_t bytes) {
  std::memcpy(to, from, bytes);
  return to + bytes;
}

template <size_t SIZE>
inline uint8_t* putLiteral(uint8_t* to, const char (&text)[SIZE]) {
  return put(to, text, SIZE - 1);
}

/** Short copies are what bodies are made of; both ends have at least `bytes` bytes, so nothing is over-read. */
inline uint8_t* putShort(uint8_t* to, const uint8_t* from, size_t bytes) {
  if (bytes >= 8 && bytes <= 16) {
    uint64_t head, tail;
    std::memcpy(&head, from, 8);
    std::memcpy(&tail, from + bytes - 8, 8);
    std::memcpy(to, &head, 8);
    std::memcpy(to + bytes - 8, &tail, 8);
    return to + bytes;
  }
  return put(to, from, bytes);
}

/** The head of a CBOR item: major type (0 to 7) and argument, as short as it goes. */
inline uint8_t* putCborHead(uint8_t* to, uint8_t major, uint32_t argument) {
  const uint8_t type = uint8_t(major << 5);
  if (argument < 24) {
    *to++ = uint8_t(type | argument);
  } else if (argument < 0x100) {
    *to++ = uint8_t(type | 24);
    *to++ = uint8_t(argument);
  } else if (argument < 0x10000) {
    *to++ = uint8_t(type | 25);
    *to++ = uint8_t(argument >> 8);
    *to++ = uint8_t(argument);
  } else {
    *to++ = uint8_t(type | 26);
    for (int shift = 24; shift >= 0; shift -= 8) *to++ = uint8_t(argument >> shift);
  }
  return to;
}

/** Text within a JSON string, escaped as JSON.stringify does it. The text is well-formed UTF-8. */
inline uint8_t* putJsonText(uint8_t* to, const uint8_t* text, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    const uint8_t byte = text[i];
    if (byte >= 0x20 && byte != '"' && byte != '\\') {
      *to++ = byte;
      continue;
    }
    *to++ = '\\';
    switch (byte) {
      case '"': case '\\': *to++ = byte; break;
      case '\b': *to++ = 'b'; break;
      case '\f': *to++ = 'f'; break;
      case '\n': *to++ = 'n'; break;
      case '\r': *to++ = 'r'; break;
      case '\t': *to++ = 't'; break;
      default:
        to = putLiteral(to, "u00");
        *to++ = "0123456789abcdef"[byte >> 4];
        *to++ = "0123456789abcdef"[byte & 15];
    }
  }
  return to;
}

/** One entry of a request. `explicitBytes` 0 leaves ExplicitHashKey out. */
struct Entry {
  const uint8_t* key;
  uint32_t keyBytes;
  const uint8_t* explicitKey;
  uint32_t explicitBytes;
};

/** Of what stands in front of the entries. */
constexpr size_t OPENING_BYTES_MAX = 16;

struct CborBody {
  /** Of all entries. */
  static uint64_t bodyBytesMax(uint64_t framesBytes, uint64_t count) { return framesBytes + count * ENTRY_BYTES_MAX_CBOR; }
  static uint64_t entryBytesMax(const Entry& entry, uint32_t dataBytes) {
    return ENTRY_BYTES_MAX_CBOR + uint64_t(entry.keyBytes) + dataBytes;
  }
  /** The array's length is written when it is known: always three bytes. */
  static uint8_t* open(uint8_t* to) {
    *to++ = 0xa2;
    to = putLiteral(to, "\x67Records\x99");
    return to + 2;
  }
  static uint8_t* close(uint8_t* start, uint8_t* to, uint32_t entries, const uint8_t* suffix, size_t suffixBytes) {
    uint8_t* count = start + 10;
    count[0] = uint8_t(entries >> 8);
    count[1] = uint8_t(entries);
    return put(to, suffix, suffixBytes);
  }
  static uint8_t* openEntry(uint8_t* to, bool /* isFirst */, const Entry& entry, uint32_t dataBytes) {
    *to++ = entry.explicitBytes > 0 ? 0xa3 : 0xa2;
    to = putLiteral(to, "\x64" "Data");
    return putCborHead(to, 2, dataBytes);
  }
  static uint8_t* closeEntry(uint8_t* to, const Entry& entry) {
    to = putLiteral(to, "\x6cPartitionKey");
    to = putCborHead(to, 3, entry.keyBytes);
    to = putShort(to, entry.key, entry.keyBytes);
    if (entry.explicitBytes == 0) return to;
    to = putLiteral(to, "\x6f" "ExplicitHashKey");
    to = putCborHead(to, 3, entry.explicitBytes);
    return put(to, entry.explicitKey, entry.explicitBytes);
  }
  static uint8_t* putData(uint8_t* to, const uint8_t* data, uint32_t bytes) { return put(to, data, bytes); }
  /** Between the data of a record and its key: a field's name and the key's length. */
  static uint32_t gapBytes(uint32_t keyBytes) { return 13 + (keyBytes < 24 ? 1 : keyBytes < 0x100 ? 2 : 3); }
};

struct JsonBody {
  static uint64_t bodyBytesMax(uint64_t framesBytes, uint64_t count) {
    return framesBytes * ESCAPE_BYTES_MAX + count * ENTRY_BYTES_MAX_JSON;
  }
  static uint64_t entryBytesMax(const Entry& entry, uint32_t dataBytes) {
    return ENTRY_BYTES_MAX_JSON + uint64_t(entry.keyBytes) * ESCAPE_BYTES_MAX + base64Bytes(dataBytes);
  }
  static uint8_t* open(uint8_t* to) { return putLiteral(to, "{\"Records\":["); }
  static uint8_t* close(uint8_t* /* start */, uint8_t* to, uint32_t /* entries */, const uint8_t* suffix, size_t suffixBytes) {
    return put(to, suffix, suffixBytes);
  }
  static uint8_t* openEntry(uint8_t* to, bool isFirst, const Entry& /* entry */, uint32_t /* dataBytes */) {
    if (!isFirst) *to++ = ',';
    return putLiteral(to, "{\"Data\":\"");
  }
  static uint8_t* closeEntry(uint8_t* to, const Entry& entry) {
    to = putLiteral(to, "\",\"PartitionKey\":\"");
    to = putJsonText(to, entry.key, entry.keyBytes);
    if (entry.explicitBytes > 0) {
      to = putLiteral(to, "\",\"ExplicitHashKey\":\"");
      to = put(to, entry.explicitKey, entry.explicitBytes);
    }
    return putLiteral(to, "\"}");
  }
  static uint8_t* putData(uint8_t* to, const uint8_t* data, uint32_t bytes) { return to + base64Encode(to, data, bytes); }
};

}  // namespace millrace
