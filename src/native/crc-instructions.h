// CRC instructions: what processors have for CRC32C, CRC64NVME and gzip's CRC-32. Each takes the state of a sum, without the final inversion, and says how many
// bytes it has taken, a multiple of 8 or 16; the rest is the table's (crc.cc).
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

struct CrcKernel {
  /** Null where the machine or the compiler lacks the instructions. */
  size_t (*crc32c)(uint64_t& state, const uint8_t* bytes, size_t length);
  /**
   * Leaves in `folded` 16 bytes that stand for all that it has taken, the state before included: whoever sums them from 0 on has the new state.
   */
  size_t (*foldCrc64)(uint64_t state, const uint8_t* bytes, size_t length, uint8_t* folded);
  size_t (*foldCrc32)(uint64_t state, const uint8_t* bytes, size_t length, uint8_t* folded);
};

CrcKernel crcInstructions();

constexpr uint64_t CRC64NVME_POLYNOMIAL = 0x9a6c9329ac4bc9b5;

/** With its bits in reverse. The lowest 32 bits of what is computed modulo it are always zero. */
constexpr uint64_t CRC32_POLYNOMIAL = uint64_t(0xedb88320) << 32;

/** Of a sum: the polynomial, and the bit of its remainders' highest power; all with their bits in reverse. */
struct Crc64Sum {
  static constexpr uint64_t polynomial = CRC64NVME_POLYNOMIAL, last = 1;
};
struct Crc32Sum {
  static constexpr uint64_t polynomial = CRC32_POLYNOMIAL, last = uint64_t(1) << 32;
};

/** x to the power of `exponent` modulo the polynomial of a sum. */
template <class Sum>
constexpr uint64_t crcPower(unsigned exponent) {
  uint64_t power = uint64_t(1) << 63;
  for (unsigned i = 0; i < exponent; i++)
    power = ((power & ~Sum::last) >> 1) ^ ((power & Sum::last) != 0 ? Sum::polynomial : 0);
  return power;
}

/**
 * What both halves of 16 bytes are multiplied with when so many bits follow. A product of reversed halves lies one bit too low, hence the
 * exponents; the first half stands 64 bits higher than the second.
 */
template <class Sum>
constexpr uint64_t crcFoldFirst(unsigned bits) { return crcPower<Sum>(bits + 63); }
template <class Sum>
constexpr uint64_t crcFoldSecond(unsigned bits) { return crcPower<Sum>(bits - 1); }

/** Chains that are folded side by side, of 16 bytes each: one alone waits for its products. */
constexpr unsigned CRC_CHAINS = 4;
constexpr size_t CRC_STEP_BYTES = 16 * CRC_CHAINS;

}  // namespace millrace
