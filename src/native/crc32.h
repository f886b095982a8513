// CRC-32 of gzip: by carry-less multiplication (crc-instructions.h), otherwise by the zlib that Node carries and exports. Its header is not among
// those that we build with. Weak: on a Node that does not export it the addon is loaded all the same, and sums by a table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "crc-instructions.h"

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

/** @param state Without the inversions at both ends. */
inline uint32_t crc32ByTable(uint32_t state, const uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; i++) state = (state >> 8) ^ CRC32_TABLE[(state ^ bytes[i]) & 255];
  return state;
}

/** @param before The sum of everything in front of the bytes; 0 at the beginning. */
inline uint32_t crc32Of(uint32_t before, const uint8_t* bytes, size_t length) {
  static const CrcKernel kernel = crcInstructions();
  if (kernel.foldCrc32 != nullptr) {
    uint8_t folded[16];
    const size_t done = kernel.foldCrc32(uint32_t(~before), bytes, length, folded);
    if (done > 0) before = ~crc32ByTable(0, folded, sizeof folded);
    return ~crc32ByTable(~before, bytes + done, length - done);
  }
  // Without an address zlib begins anew.
  if (length == 0) return before;
  if (&crc32_z) return uint32_t(crc32_z(before, bytes, length));
  return ~crc32ByTable(~before, bytes, length);
}

}  // namespace millrace
