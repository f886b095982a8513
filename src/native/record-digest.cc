// Digest of records for JavaScript: chooses the kernel for this processor, and binds it. See record-digest.h for what is computed.
#include "record-digest.h"

#include <cstring>

#include "addon.h"
#include "args.h"
#include "frame.h"
#include "target-region.h"

#define MILLRACE_SIMD_NONE 0
#define MILLRACE_SIMD_SSE2 1
#define MILLRACE_SIMD_AVX2 2
#define MILLRACE_SIMD_NEON 3

/** Records side by side: more need more registers than there are, but for AVX-512. */
#define MILLRACE_WIDTH 8

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace millrace {

/** 32 bytes of ones, then 32 of zeros: a window into it keeps the first n bytes of a stripe. */
alignas(64) static const uint8_t TAIL_MASK[2 * RECORD_DIGEST_STRIPE_BYTES] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/** Whether a whole stripe may be read from here although fewer bytes are ours: memory is mapped in pages, so not across one. */
static inline bool mayReadStripe([[maybe_unused]] const uint8_t* from) {
#if defined(__SANITIZE_ADDRESS__)
  return false;
#else
  return (reinterpret_cast<uintptr_t>(from) & 4095) <= 4096 - RECORD_DIGEST_STRIPE_BYTES;
#endif
}

}  // namespace millrace

#if defined(__x86_64__)
#define MILLRACE_KERNEL sse2
#define MILLRACE_SIMD MILLRACE_SIMD_SSE2
#include "record-digest-kernel.h"
#undef MILLRACE_KERNEL
#undef MILLRACE_SIMD

MILLRACE_TARGET_BEGIN("avx2")
#define MILLRACE_KERNEL avx2
#define MILLRACE_SIMD MILLRACE_SIMD_AVX2
#include "record-digest-kernel.h"
#undef MILLRACE_KERNEL
MILLRACE_TARGET_END
#undef MILLRACE_WIDTH
#define MILLRACE_WIDTH 16
MILLRACE_TARGET_BEGIN("avx2,avx512f,avx512vl")
#define MILLRACE_KERNEL avx512
#include "record-digest-kernel.h"
#undef MILLRACE_KERNEL
#undef MILLRACE_SIMD
MILLRACE_TARGET_END

#else
#define MILLRACE_KERNEL generic
#if defined(__aarch64__)
#define MILLRACE_SIMD MILLRACE_SIMD_NEON
#else
#define MILLRACE_SIMD MILLRACE_SIMD_NONE
#endif
#include "record-digest-kernel.h"
#undef MILLRACE_KERNEL
#undef MILLRACE_SIMD
#endif

namespace millrace {

static const RecordDigestKernel* chooseKernel() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return &avx512::kernel;
  if (__builtin_cpu_supports("avx2")) return &avx2::kernel;
  return &sse2::kernel;
#else
  return &generic::kernel;
#endif
}
const RecordDigestKernel* const recordDigestKernel = chooseKernel();

namespace {

uint64_t rotated(uint64_t word, int bits) { return (word << bits) | (word >> (64 - bits)); }

/** SipHash-2-4-128 of a message that arrives word by word. */
struct Sip {
  uint64_t v0, v1, v2, v3;
  explicit Sip(const uint64_t* key)
      : v0(key[0] ^ 0x736f6d6570736575ull),
        v1(key[1] ^ 0x646f72616e646f6dull ^ 0xee),
        v2(key[0] ^ 0x6c7967656e657261ull),
        v3(key[1] ^ 0x7465646279746573ull) {}
  void rounds(int count) {
    for (int round = 0; round < count; round++) {
      v0 += v1; v1 = rotated(v1, 13) ^ v0; v0 = rotated(v0, 32);
      v2 += v3; v3 = rotated(v3, 16) ^ v2;
      v0 += v3; v3 = rotated(v3, 21) ^ v0;
      v2 += v1; v1 = rotated(v1, 17) ^ v2; v2 = rotated(v2, 32);
    }
  }
  void word(uint64_t value) {
    v3 ^= value;
    rounds(2);
    v0 ^= value;
  }
  Hash128 finish(uint64_t messageBytes) {
    word(messageBytes << 56);
    v2 ^= 0xee;
    rounds(4);
    const uint64_t a = v0 ^ v1 ^ v2 ^ v3;
    v1 ^= 0xdd;
    rounds(4);
    return {a, v0 ^ v1 ^ v2 ^ v3};
  }
};

size_t pieceBytes(size_t bytes, size_t start) {
  if (bytes <= start) return 0;
  return bytes - start < RECORD_DIGEST_BLOCK_BYTES ? bytes - start : RECORD_DIGEST_BLOCK_BYTES;
}

}  // namespace

Hash128 recordDigest(const RecordDigestState* state, const uint8_t* key, size_t keyBytes, const uint8_t* data, size_t dataBytes) {
  Sip sip(state->sipKey);
  const size_t longestBytes = keyBytes > dataBytes ? keyBytes : dataBytes;
  size_t start = 0;
  do {
    uint64_t nhA, nhB;
    recordDigestKernel->nhBlock(state->nhKey, key + start, pieceBytes(keyBytes, start), data + start, pieceBytes(dataBytes, start),
                          &nhA, &nhB);
    sip.word(nhA);
    sip.word(nhB);
    start += RECORD_DIGEST_BLOCK_BYTES;
  } while (start < longestBytes);
  sip.word(uint64_t(keyBytes) | (uint64_t(dataBytes) << 32));
  return sip.finish(start / RECORD_DIGEST_BLOCK_BYTES * 16 + 8);
}

namespace {

constexpr size_t HASHES_MAX = 64;
/** 2^24 buckets are 400 MB. */
constexpr uint32_t BUCKET_BITS_MAX = 24;
constexpr const char* NO_STATE = "Cannot digest records: this is no digester's memory";
constexpr const char* NO_FRAMES = "Cannot digest records: these are no frames";

bool isAligned(const uint8_t* memory) { return reinterpret_cast<uintptr_t>(memory) % alignof(uint64_t) == 0; }

/** A digester's memory, or null where the value is not one. */
RecordDigestState* stateOf(napi_env env, napi_value value) {
  const View<uint8_t> memory = viewOf<uint8_t>(env, value);
  const bool isState = memory.length >= sizeof(RecordDigestState) && isAligned(memory.data);
  return isState ? reinterpret_cast<RecordDigestState*>(memory.data) : nullptr;
}

/** One bucket of a bucketed digest: three u64. */
struct Bucket {
  uint64_t count;
  uint64_t sumA;
  uint64_t sumB;
};
static_assert(sizeof(Bucket) == DIGEST_BUCKET_BYTES);

/** digestFrames(state, frames, buckets | undefined, bucketBits): adds the records to the state, and to their buckets. */
napi_value digestFrames(napi_env env, napi_callback_info info) {
  const Args<4> args(env, info);
  RecordDigestState* state = stateOf(env, args[0]);
  const View<uint8_t> frames = viewOf<uint8_t>(env, args[1]);
  const View<uint8_t> table = viewOf<uint8_t>(env, args[2]);
  const uint32_t bucketBits = u32Of(env, args[3]);
  if (state == nullptr) return refuse(env, NO_STATE);
  Bucket* buckets = nullptr;
  if (table.data != nullptr) {
    if (bucketBits < 1 || bucketBits > BUCKET_BITS_MAX || table.length < sizeof(Bucket) << bucketBits || !isAligned(table.data))
      return refuse(env, "Cannot digest records: the table has no room for its buckets");
    buckets = reinterpret_cast<Bucket*>(table.data);
  }
  Hash128 hashes[HASHES_MAX];
  uint64_t sumA = 0, sumB = 0;
  for (size_t offset = 0; offset < frames.length;) {
    size_t consumedBytes;
    uint64_t payloadBytes;
    const size_t count = recordDigestKernel->hashFrames(state, frames.data + offset, frames.length - offset, hashes, HASHES_MAX,
                                                  &consumedBytes, &payloadBytes);
    if (consumedBytes == 0) return refuse(env, NO_FRAMES);
    offset += consumedBytes;
    state->count += count;
    state->bytes += payloadBytes;
    for (size_t i = 0; i < count; i++) {
      sumA += hashes[i].a;
      sumB += hashes[i].b;
    }
    for (size_t i = 0; buckets != nullptr && i < count; i++) {
      Bucket& bucket = buckets[hashes[i].a >> (64 - bucketBits)];
      bucket.count += 1;
      bucket.sumA += hashes[i].a;
      bucket.sumB += hashes[i].b;
    }
  }
  state->sumA += sumA;
  state->sumB += sumB;
  return nullptr;
}

/** digestRecord(state, key, data): adds one record. */
napi_value digestRecord(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  RecordDigestState* state = stateOf(env, args[0]);
  const View<uint8_t> key = viewOf<uint8_t>(env, args[1]);
  const View<uint8_t> data = viewOf<uint8_t>(env, args[2]);
  if (state == nullptr) return refuse(env, NO_STATE);
  const Hash128 hash = recordDigest(state, key.data, key.length, data.data, data.length);
  state->count += 1;
  state->bytes += key.length + data.length;
  state->sumA += hash.a;
  state->sumB += hash.b;
  return nullptr;
}

/** hashFrames(state, frames, out): writes 16 bytes (a, b) per RECORD frame to `out`. Returns how many. Adds nothing. */
napi_value hashFrames(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  const RecordDigestState* state = stateOf(env, args[0]);
  const View<uint8_t> frames = viewOf<uint8_t>(env, args[1]);
  const View<uint8_t> out = viewOf<uint8_t>(env, args[2]);
  if (state == nullptr) return refuse(env, NO_STATE);
  Hash128 hashes[HASHES_MAX];
  size_t total = 0;
  for (size_t offset = 0; offset < frames.length;) {
    size_t consumedBytes;
    uint64_t payloadBytes;
    const size_t count = recordDigestKernel->hashFrames(state, frames.data + offset, frames.length - offset, hashes, HASHES_MAX,
                                                  &consumedBytes, &payloadBytes);
    if (consumedBytes == 0) return refuse(env, NO_FRAMES);
    if (count > out.length / sizeof(Hash128) - total) return refuse(env, "Cannot hash records: there is no room for all hashes");
    if (count > 0) std::memcpy(out.data + total * sizeof(Hash128), hashes, count * sizeof(Hash128));
    offset += consumedBytes;
    total += count;
  }
  napi_value result;
  napi_create_uint32(env, uint32_t(total), &result);
  return result;
}

}  // namespace

void registerRecordDigest(napi_env env, napi_value exports) {
  exportFunction(env, exports, "digestFrames", digestFrames);
  exportFunction(env, exports, "digestRecord", digestRecord);
  exportFunction(env, exports, "hashFrames", hashFrames);
}

}  // namespace millrace
