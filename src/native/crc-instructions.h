// CRC instructions: what processors have for CRC32C and CRC64NVME. Each takes the state of a sum, without the final inversion, and says how many
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
};

CrcKernel crcInstructions();

constexpr uint64_t CRC64NVME_POLYNOMIAL = 0x9a6c9329ac4bc9b5;

/** x to the power of `exponent` modulo the polynomial of CRC64NVME; all with their bits in reverse. */
constexpr uint64_t crc64Power(unsigned exponent) {
  uint64_t power = uint64_t(1) << 63;
  for (unsigned i = 0; i < exponent; i++) power = (power >> 1) ^ ((power & 1) != 0 ? CRC64NVME_POLYNOMIAL : 0);
  return power;
}

/**
 * What both halves of 16 bytes are multiplied with when so many bits follow. A product of reversed halves lies one bit too low, hence the
 * exponents; the first half stands 64 bits higher than the second.
 */
constexpr uint64_t crc64FoldFirst(unsigned bits) { return crc64Power(bits + 63); }
constexpr uint64_t crc64FoldSecond(unsigned bits) { return crc64Power(bits - 1); }

/** Chains that are folded side by side, of 16 bytes each: one alone waits for its products. */
constexpr unsigned CRC64_CHAINS = 4;
constexpr size_t CRC64_STEP_BYTES = 16 * CRC64_CHAINS;

}  // namespace millrace
