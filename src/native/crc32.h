// CRC-32 of gzip: by the zlib that Node carries and exports, which has it at the processor's own speed. Its header is not among those that we
// build with. Weak: on a Node that does not export it the addon is loaded all the same, and sums by a table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

extern "C" {
__attribute__((weak)) unsigned long crc32_z(unsigned long sum, const unsigned char* bytes, size_t length);
}

namespace millrace {

constexpr std::array<uint32_t, 256> crc32Table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    table[byte] = byte;
    for (int bit = 0; bit < 8; bit++) table[byte] = (table[byte] >> 1) ^ ((table[byte] & 1) != 0 ? 0xedb88320 : 0);
  }
  return table;
}
inline constexpr std::array<uint32_t, 256> CRC32_TABLE = crc32Table();

/** @param before The sum of everything in front of the bytes; 0 at the beginning. */
inline uint32_t crc32Of(uint32_t before, const uint8_t* bytes, size_t length) {
  // Without an address zlib begins anew.
  if (length == 0) return before;
  if (&crc32_z) return uint32_t(crc32_z(before, bytes, length));
  uint32_t sum = ~before;
  for (size_t i = 0; i < length; i++) sum = (sum >> 8) ^ CRC32_TABLE[(sum ^ bytes[i]) & 255];
  return ~sum;
}

}  // namespace millrace
