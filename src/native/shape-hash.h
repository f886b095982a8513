// Shape hash: HMAC-SHA-256 (RFC 2104) of values, for `--hash`. Most values are short, two blocks each, and wait for others: several at once
// take little more time than one.
#pragma once

#include "sha256.h"
#include "shape-program.h"

namespace millrace {

constexpr uint32_t HASH_TEXT_BYTES = 2 + 64;
/** Values that wait: as many as the widest vectors take. */
constexpr uint32_t HASH_JOBS_MAX = 16;
/** Longer values do not wait. Up to here they and their padding fill two blocks. */
constexpr uint32_t HASH_JOB_BYTES_MAX = 2 * SHA256_BLOCK_BYTES - 1 - SHA256_LENGTH_BYTES;

/** @param key Of any length; over 64 bytes it is hashed first, as RFC 2104 says. */
void prepareHmac(HmacKey& key, const uint8_t* bytes, size_t length);

/** A message that comes in parts. */
class Hmac {
 public:
  Hmac(const Sha256Kernel& kernel, const HmacKey& key) : kernel_(kernel), key_(key), state_(key.inner), bytes_(SHA256_BLOCK_BYTES) {}
  void add(const uint8_t* bytes, size_t length);
  /** Writes the digest as a JSON string of 64 hexadecimal digits: HASH_TEXT_BYTES. */
  void writeText(uint8_t* out);

 private:
  const Sha256Kernel& kernel_;
  const HmacKey& key_;
  Sha256State state_;
  uint8_t block_[SHA256_BLOCK_BYTES];
  uint64_t bytes_;
};

/** Messages that wait for others. They and the places of their digests must stay where they are until then. */
struct HashJobs {
  struct Job {
    const uint8_t* bytes;
    uint32_t length;
    uint8_t* out;
  };
  const Sha256Kernel* kernel;
  uint32_t count;
  Job jobs[HASH_JOBS_MAX];
  /** A value of the line at hand, and where its digest goes; null until then. */
  const uint8_t* watched;
  uint8_t* watchedOut;

  /** @param length HASH_JOB_BYTES_MAX at most. */
  void add(const HmacKey& key, const uint8_t* bytes, uint32_t length, uint8_t* out) {
    jobs[count++] = {bytes, length, out};
    if (count == HASH_JOBS_MAX) run(key);
  }
  /** Writes what `Hmac::writeText` would, for all that wait. */
  void run(const HmacKey& key);
};

}  // namespace millrace
