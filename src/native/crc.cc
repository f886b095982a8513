// CRC: the checksums of S3 that Node does not know, CRC32C and CRC64NVME, by the processor's instructions, or by tables, eight bytes a step.
// src/native/crc.ts is the only caller.
#include "addon.h"
#include "args.h"
#include "crc-instructions.h"

#include <array>
#include <cstring>

namespace millrace {
namespace {

/** Row 0 is the usual table of one byte; row n that of a byte with n more behind it. */
using Tables = std::array<std::array<uint64_t, 256>, 8>;

/** @param polynomial With its bits in reverse; one of 32 bits leaves the upper half empty. */
constexpr Tables tablesOf(uint64_t polynomial) {
  Tables tables{};
  for (unsigned byte = 0; byte < 256; byte++) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (unsigned row = 1; row < 8; row++)
    for (unsigned byte = 0; byte < 256; byte++) {
      const uint64_t before = tables[row - 1][byte];
      tables[row][byte] = (before >> 8) ^ tables[0][before & 255];
    }
  return tables;
}

constexpr Tables CRC32C = tablesOf(0x82f63b78);
constexpr Tables CRC64NVME = tablesOf(CRC64NVME_POLYNOMIAL);

uint64_t update(const Tables& tables, uint64_t crc, const uint8_t* bytes, size_t length) {
  for (; length >= 8; bytes += 8, length -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    word ^= crc;
    crc = tables[7][word & 255] ^ tables[6][(word >> 8) & 255] ^ tables[5][(word >> 16) & 255] ^
          tables[4][(word >> 24) & 255] ^ tables[3][(word >> 32) & 255] ^ tables[2][(word >> 40) & 255] ^
          tables[1][(word >> 48) & 255] ^ tables[0][word >> 56];
  }
  for (; length > 0; bytes++, length--) crc = (crc >> 8) ^ tables[0][(crc ^ *bytes) & 255];
  return crc;
}

uint64_t updateFast(bool is64, uint64_t crc, const uint8_t* bytes, size_t length) {
  static const CrcKernel kernel = crcInstructions();
  size_t done = 0;
  if (is64 && kernel.foldCrc64 != nullptr) {
    uint8_t folded[16];
    done = kernel.foldCrc64(crc, bytes, length, folded);
    if (done > 0) crc = update(CRC64NVME, 0, folded, sizeof folded);
  } else if (!is64 && kernel.crc32c != nullptr) {
    done = kernel.crc32c(crc, bytes, length);
  }
  return update(is64 ? CRC64NVME : CRC32C, crc, bytes + done, length - done);
}

/** The sum of everything so far, as a BigInt. @param isPlain By the tables alone. */
napi_value crcBy(napi_env env, const Args<3>& args, bool isPlain) {
  const bool is64 = u32Of(env, args[0]) != 0;
  uint64_t before = 0;
  bool isLossless = false;
  napi_get_value_bigint_uint64(env, args[1], &before, &isLossless);
  const View<uint8_t> bytes = viewOf<uint8_t>(env, args[2]);
  const uint64_t ones = is64 ? ~0ull : 0xffffffffull;
  const uint64_t begun = before ^ ones;
  const uint64_t sum = isPlain ? update(is64 ? CRC64NVME : CRC32C, begun, bytes.data, bytes.length)
                               : updateFast(is64, begun, bytes.data, bytes.length);
  napi_value value = nullptr;
  napi_create_bigint_uint64(env, sum ^ ones, &value);
  return value;
}

/** crc(is64, before, bytes) */
napi_value crc(napi_env env, napi_callback_info info) { return crcBy(env, Args<3>(env, info), false); }

/** crcPlain(is64, before, bytes): the same without instructions for it, for tests and benches. */
napi_value crcPlain(napi_env env, napi_callback_info info) { return crcBy(env, Args<3>(env, info), true); }

}  // namespace

void registerCrc(napi_env env, napi_value exports) {
  exportFunction(env, exports, "crc", crc);
  exportFunction(env, exports, "crcPlain", crcPlain);
}

}  // namespace millrace
