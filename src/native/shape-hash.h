// Shape hash: HMAC-SHA-256 of one value, for `--hash`. In plain C++: values are short, two blocks each.
#pragma once

#include "shape-program.h"

namespace millrace {

constexpr uint32_t HASH_TEXT_BYTES = 2 + 64;

/** @param key Of any length; over 64 bytes it is hashed first, as RFC 2104 says. */
void prepareHmac(HmacKey& key, const uint8_t* bytes, size_t length);

/** A message that comes in parts. */
class Hmac {
 public:
  explicit Hmac(const HmacKey& key);
  void add(const uint8_t* bytes, size_t length);
  /** Writes the digest as a JSON string of 64 hexadecimal digits: HASH_TEXT_BYTES. */
  void writeText(uint8_t* out);

 private:
  const HmacKey& key_;
  uint32_t state_[8];
  uint8_t block_[64];
  uint64_t bytes_;
};

}  // namespace millrace
