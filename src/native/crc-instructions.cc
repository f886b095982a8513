// CRC instructions: see crc-instructions.h. Carry-less multiplication folds 64 bytes a step into four chains, and these into one (Gopal and
// others, "Fast CRC Computation Using PCLMULQDQ", with the bits in reverse).
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes its own intrinsics for reads of what was never written.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "crc-instructions.h"

#include <cstring>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>
#define TARGET_CRC32C __attribute__((target("sse4.2")))
#define TARGET_FOLD __attribute__((target("sse4.1,pclmul")))
#define TARGET_WIDE __attribute__((target("sse4.1,pclmul,avx512f,vpclmulqdq")))
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <arm_neon.h>

#include "arm-features.h"
#if defined(__clang__)
#define TARGET_CRC32C __attribute__((target("crc")))
#define TARGET_FOLD __attribute__((target("aes")))
#else
#define TARGET_CRC32C __attribute__((target("+crc")))
#define TARGET_FOLD __attribute__((target("+crypto")))
#endif
#endif

namespace millrace {

#if defined(TARGET_FOLD)

namespace {

#if defined(__x86_64__)

typedef __m128i Chunk;

TARGET_CRC32C inline uint64_t crc32cOf(uint64_t state, uint64_t word) { return _mm_crc32_u64(state, word); }
TARGET_FOLD inline Chunk load(const uint8_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
TARGET_FOLD inline void store(uint8_t* to, Chunk chunk) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), chunk); }
TARGET_FOLD inline Chunk fromState(uint64_t state) { return _mm_set_epi64x(0, int64_t(state)); }
TARGET_FOLD inline Chunk added(Chunk one, Chunk other) { return _mm_xor_si128(one, other); }
TARGET_FOLD inline Chunk fold(Chunk chunk, uint64_t first, uint64_t second, Chunk next) {
  const __m128i by = _mm_set_epi64x(int64_t(second), int64_t(first));
  return added(added(_mm_clmulepi64_si128(chunk, by, 0x00), _mm_clmulepi64_si128(chunk, by, 0x11)), next);
}

bool hasCrc32c() { return __builtin_cpu_supports("sse4.2"); }
bool hasFold() { return __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("pclmul"); }

#else

typedef uint64x2_t Chunk;

TARGET_CRC32C inline uint64_t crc32cOf(uint64_t state, uint64_t word) { return __crc32cd(uint32_t(state), word); }
TARGET_FOLD inline Chunk load(const uint8_t* from) { return vreinterpretq_u64_u8(vld1q_u8(from)); }
TARGET_FOLD inline void store(uint8_t* to, Chunk chunk) { vst1q_u8(to, vreinterpretq_u8_u64(chunk)); }
TARGET_FOLD inline Chunk fromState(uint64_t state) { return vcombine_u64(vcreate_u64(state), vcreate_u64(0)); }
TARGET_FOLD inline Chunk added(Chunk one, Chunk other) { return veorq_u64(one, other); }
TARGET_FOLD inline Chunk fold(Chunk chunk, uint64_t first, uint64_t second, Chunk next) {
  const poly64x2_t by = vreinterpretq_p64_u64(vcombine_u64(vcreate_u64(first), vcreate_u64(second)));
  const poly64x2_t factor = vreinterpretq_p64_u64(chunk);
  const uint64x2_t low = vreinterpretq_u64_p128(vmull_p64(vgetq_lane_p64(factor, 0), vgetq_lane_p64(by, 0)));
  const uint64x2_t high = vreinterpretq_u64_p128(vmull_high_p64(factor, by));
  return added(added(low, high), next);
}

bool hasCrc32c() { return hasArm(ArmFeature::crc32); }
bool hasFold() { return hasArm(ArmFeature::pmull); }

#endif

TARGET_CRC32C size_t crc32c(uint64_t& state, const uint8_t* bytes, size_t length) {
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + at, sizeof word);
    state = crc32cOf(state, word);
  }
  return at;
}

template <class Sum>
TARGET_FOLD size_t foldCrc(uint64_t state, const uint8_t* bytes, size_t length, uint8_t* folded) {
  if (length < CRC_STEP_BYTES) return 0;
  constexpr uint64_t STEP_FIRST = crcFoldFirst<Sum>(8 * CRC_STEP_BYTES);
  constexpr uint64_t STEP_SECOND = crcFoldSecond<Sum>(8 * CRC_STEP_BYTES);
  constexpr uint64_t CHAIN_FIRST = crcFoldFirst<Sum>(128);
  constexpr uint64_t CHAIN_SECOND = crcFoldSecond<Sum>(128);
  Chunk chains[CRC_CHAINS];
  for (unsigned i = 0; i < CRC_CHAINS; i++) chains[i] = load(bytes + 16 * i);
  chains[0] = added(chains[0], fromState(state));
  size_t at = CRC_STEP_BYTES;
  for (; at + CRC_STEP_BYTES <= length; at += CRC_STEP_BYTES) {
    for (unsigned i = 0; i < CRC_CHAINS; i++) chains[i] = fold(chains[i], STEP_FIRST, STEP_SECOND, load(bytes + at + 16 * i));
  }
  Chunk one = chains[0];
  for (unsigned i = 1; i < CRC_CHAINS; i++) one = fold(one, CHAIN_FIRST, CHAIN_SECOND, chains[i]);
  for (; at + 16 <= length; at += 16) one = fold(one, CHAIN_FIRST, CHAIN_SECOND, load(bytes + at));
  store(folded, one);
  return at;
}

#if defined(TARGET_WIDE)

TARGET_WIDE inline __m512i foldWide(__m512i chunk, uint64_t first, uint64_t second, __m512i next) {
  const __m512i by = _mm512_broadcast_i32x4(_mm_set_epi64x(int64_t(second), int64_t(first)));
  // All three are added in one.
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(chunk, by, 0x00), _mm512_clmulepi64_epi128(chunk, by, 0x11), next, 0x96);
}

/** As foldCrc, with four chunks in each chain. */
template <class Sum>
TARGET_WIDE size_t foldCrcWide(uint64_t state, const uint8_t* bytes, size_t length, uint8_t* folded) {
  constexpr size_t WIDE_BYTES = 64;
  constexpr size_t STEP_BYTES = WIDE_BYTES * CRC_CHAINS;
  if (length < STEP_BYTES) return foldCrc<Sum>(state, bytes, length, folded);
  constexpr uint64_t STEP_FIRST = crcFoldFirst<Sum>(8 * STEP_BYTES), STEP_SECOND = crcFoldSecond<Sum>(8 * STEP_BYTES);
  constexpr uint64_t CHAIN_FIRST = crcFoldFirst<Sum>(8 * WIDE_BYTES), CHAIN_SECOND = crcFoldSecond<Sum>(8 * WIDE_BYTES);
  constexpr uint64_t FIRST = crcFoldFirst<Sum>(128), SECOND = crcFoldSecond<Sum>(128);
  __m512i chains[CRC_CHAINS];
  for (unsigned i = 0; i < CRC_CHAINS; i++) chains[i] = _mm512_loadu_si512(bytes + WIDE_BYTES * i);
  chains[0] = _mm512_xor_si512(chains[0], _mm512_zextsi128_si512(fromState(state)));
  size_t at = STEP_BYTES;
  for (; at + STEP_BYTES <= length; at += STEP_BYTES) {
    for (unsigned i = 0; i < CRC_CHAINS; i++)
      chains[i] = foldWide(chains[i], STEP_FIRST, STEP_SECOND, _mm512_loadu_si512(bytes + at + WIDE_BYTES * i));
  }
  __m512i one = chains[0];
  for (unsigned i = 1; i < CRC_CHAINS; i++) one = foldWide(one, CHAIN_FIRST, CHAIN_SECOND, chains[i]);
  for (; at + WIDE_BYTES <= length; at += WIDE_BYTES)
    one = foldWide(one, CHAIN_FIRST, CHAIN_SECOND, _mm512_loadu_si512(bytes + at));
  uint8_t parts[WIDE_BYTES];
  _mm512_storeu_si512(parts, one);
  Chunk last = load(parts);
  for (size_t i = 16; i < WIDE_BYTES; i += 16) last = fold(last, FIRST, SECOND, load(parts + i));
  for (; at + 16 <= length; at += 16) last = fold(last, FIRST, SECOND, load(bytes + at));
  store(folded, last);
  return at;
}

bool hasWide() { return hasFold() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq"); }

#endif

}  // namespace

CrcKernel crcInstructions() {
#if defined(TARGET_WIDE)
  if (hasWide()) return {hasCrc32c() ? crc32c : nullptr, foldCrcWide<Crc64Sum>, foldCrcWide<Crc32Sum>};
#endif
  return {hasCrc32c() ? crc32c : nullptr, hasFold() ? foldCrc<Crc64Sum> : nullptr, hasFold() ? foldCrc<Crc32Sum> : nullptr};
}

#else

CrcKernel crcInstructions() { return {nullptr, nullptr, nullptr}; }

#endif

}  // namespace millrace
