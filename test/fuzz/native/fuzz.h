// Fuzz: what the targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

/** A copy of exactly this size, so that a read past its end is noticed. */
struct Exact {
  explicit Exact(const uint8_t* from, size_t bytes) : data(static_cast<uint8_t*>(std::malloc(bytes + (bytes == 0)))), size(bytes) {
    if (bytes > 0) std::memcpy(data, from, bytes);
  }
  ~Exact() { std::free(data); }
  uint8_t* data;
  size_t size;
};

/** Reads every byte. */
inline void touch(const uint8_t* bytes, size_t size) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < size; i++) sum = uint8_t(sum + bytes[i]);
}
