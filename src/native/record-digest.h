// Digest: an order-independent digest of a multiset of records. Each record (partition key, data) is hashed to 128 bits with
// a secret key; the digest is the sum of both halves modulo 2^64, a count and a byte count. docs/VERIFY.md says why that is
// sound. The TypeScript twin with equal results is src/digest/digest-portable.ts.
//
// h(record) = SipHash-2-4-128 over a short message: the two NH sums of each block, then one word of lengths. Block i holds
// bytes [1024 i, 1024 i + 1024) of the partition key and the same of the data, each padded with zeros to whole 32-byte
// stripes; there are max(1, ceil(longest / 1024)) blocks. NH is the sum, modulo 2^64, of (m[2j] + k[2j]) * (m[2j+1] + k[2j+1])
// over little-endian 32-bit words, twice: the second time with the key moved on by one stripe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "constants.h"

namespace millrace {

constexpr size_t RECORD_DIGEST_BLOCK_BYTES = 1024;
constexpr size_t RECORD_DIGEST_STRIPE_BYTES = 32;
/** The key of NH: the partition key's part, the data's part, one stripe for the second pass. */
constexpr size_t RECORD_DIGEST_NH_KEY_BYTES = 2 * RECORD_DIGEST_BLOCK_BYTES + RECORD_DIGEST_STRIPE_BYTES;

/** A digester's whole memory, allocated by JavaScript (src/digest/digest.ts), which also fills in the keys. */
struct RecordDigestState {
  uint64_t count;
  uint64_t bytes;
  uint64_t sumA;
  uint64_t sumB;
  uint64_t sipKey[2];
  uint64_t unused[2];
  uint8_t nhKey[RECORD_DIGEST_NH_KEY_BYTES];
};
static_assert(sizeof(RecordDigestState) == DIGEST_BYTES && offsetof(RecordDigestState, count) == DIGEST_COUNT);
static_assert(offsetof(RecordDigestState, bytes) == DIGEST_PAYLOAD && offsetof(RecordDigestState, sumA) == DIGEST_SUM_A);
static_assert(offsetof(RecordDigestState, sumB) == DIGEST_SUM_B && offsetof(RecordDigestState, sipKey) == DIGEST_SIP_KEY);
static_assert(offsetof(RecordDigestState, nhKey) == DIGEST_NH_KEY);

struct Hash128 {
  uint64_t a;
  uint64_t b;
};

/** Records that are finished together: twice as many as lie in the widest vector, whose steps wait for each other within one. */
constexpr size_t RECORD_LANES = 16;

/** Words of the messages of RECORD_LANES records of one block each. */
struct alignas(64) RecordDigestMessages {
  uint64_t nhA[RECORD_LANES];
  uint64_t nhB[RECORD_LANES];
  uint64_t lengths[RECORD_LANES];
};

/** The work that depends on the processor; chosen once, when the addon is loaded. */
struct RecordDigestKernel {
  /** Both NH sums of one block. @param keyBytes, dataBytes At most RECORD_DIGEST_BLOCK_BYTES each. */
  void (*nhBlock)(const uint8_t* nhKey, const uint8_t* key, size_t keyBytes, const uint8_t* data, size_t dataBytes,
                  uint64_t* nhA, uint64_t* nhB);
  /** SipHash-2-4-128 of RECORD_LANES messages of three words. */
  void (*finish)(const uint64_t* sipKey, const RecordDigestMessages* messages, Hash128* hashes);
  /**
   * Hashes RECORD frames from `frames` on until `hashesMax` (a multiple of RECORD_LANES) are written or the run ends.
   * @param consumedBytes Receives how far it came; 0 where the run holds something that is not a frame.
   * @param payloadBytes Receives keys plus data of the hashed records.
   */
  size_t (*hashFrames)(const RecordDigestState* state, const uint8_t* frames, size_t framesBytes, Hash128* hashes,
                       size_t hashesMax, size_t* consumedBytes, uint64_t* payloadBytes);
};
extern const RecordDigestKernel* const recordDigestKernel;

/** The hash of one record. For many records a RecordDigestBatch is twice as fast. */
Hash128 recordDigest(const RecordDigestState* state, const uint8_t* key, size_t keyBytes, const uint8_t* data, size_t dataBytes);

/** Adds records to a state, a few at a time. flush() before the state is read; lives on the stack of one call. */
class RecordDigestBatch {
 public:
  explicit RecordDigestBatch(RecordDigestState* state) : state_(state) {}

  void add(const uint8_t* key, size_t keyBytes, const uint8_t* data, size_t dataBytes) {
    state_->count += 1;
    state_->bytes += keyBytes + dataBytes;
    if (keyBytes > RECORD_DIGEST_BLOCK_BYTES || dataBytes > RECORD_DIGEST_BLOCK_BYTES) {
      const Hash128 hash = recordDigest(state_, key, keyBytes, data, dataBytes);
      state_->sumA += hash.a;
      state_->sumB += hash.b;
      return;
    }
    recordDigestKernel->nhBlock(state_->nhKey, key, keyBytes, data, dataBytes, &messages_.nhA[used_], &messages_.nhB[used_]);
    messages_.lengths[used_] = uint64_t(keyBytes) | (uint64_t(dataBytes) << 32);
    used_ += 1;
    if (used_ == RECORD_LANES) flush();
  }

  void flush() {
    if (used_ == 0) return;
    for (size_t lane = used_; lane < RECORD_LANES; lane++) {
      messages_.nhA[lane] = messages_.nhB[lane] = messages_.lengths[lane] = 0;
    }
    Hash128 hashes[RECORD_LANES];
    recordDigestKernel->finish(state_->sipKey, &messages_, hashes);
    for (size_t lane = 0; lane < used_; lane++) {
      state_->sumA += hashes[lane].a;
      state_->sumB += hashes[lane].b;
    }
    used_ = 0;
  }

 private:
  RecordDigestState* state_;
  RecordDigestMessages messages_;
  size_t used_ = 0;
};

}  // namespace millrace
