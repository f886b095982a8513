// SHA-256 on x86-64: by the SHA extensions, two texts at a time, which fill each other's gaps; without them eight or sixteen texts in vectors.
#include "sha256.h"
#include "target-region.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#include <immintrin.h>

#define TARGET_SHA __attribute__((target("sha,sse4.1,ssse3")))

namespace millrace {
namespace {

/** Words A to H as the instructions want them: high to low A B E F and C D G H. */
struct Turned {
  __m128i abef;
  __m128i cdgh;
};

bool hasShaInstructions() {
  uint32_t a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 29 & 1) != 0;
}

TARGET_SHA inline Turned load(const Sha256State& state) {
  const auto* from = reinterpret_cast<const __m128i*>(state.words);
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(from), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(from + 1), 0x1b);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

TARGET_SHA inline void store(const Turned& turned, Sha256State& state) {
  auto* to = reinterpret_cast<__m128i*>(state.words);
  const __m128i feba = _mm_shuffle_epi32(turned.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(turned.cdgh, 0xb1);
  _mm_storeu_si128(to, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(to + 1, _mm_alignr_epi8(dchg, feba, 8));
}

/** Takes `blocks` blocks of each of COUNT texts. */
template <int COUNT>
TARGET_SHA void compress(const Sha256Text* texts, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  Turned now[COUNT];
  for (int n = 0; n < COUNT; n++) now[n] = load(*texts[n].state);
  for (size_t block = 0; block < blocks; block++) {
    __m128i words[COUNT][4];
    Turned before[COUNT];
    for (int n = 0; n < COUNT; n++) {
      before[n] = now[n];
      const auto* from = reinterpret_cast<const __m128i*>(texts[n].bytes + block * SHA256_BLOCK_BYTES);
      for (int i = 0; i < 4; i++) words[n][i] = _mm_shuffle_epi8(_mm_loadu_si128(from + i), swap);
    }
#pragma GCC unroll 16
    for (int quad = 0; quad < 16; quad++) {
      const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(SHA256_ROUNDS + 4 * quad));
#pragma GCC unroll 2
      for (int n = 0; n < COUNT; n++) {
        __m128i* const w = words[n];
        Turned& s = now[n];
        const __m128i sum = _mm_add_epi32(w[quad & 3], constants);
        s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, sum);
        s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(sum, 0x0e));
        if (quad >= 12) continue;
        const __m128i last = w[(quad + 3) & 3];
        const __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(w[quad & 3], w[(quad + 1) & 3]),
                                           _mm_alignr_epi8(last, w[(quad + 2) & 3], 4));
        w[quad & 3] = _mm_sha256msg2_epu32(next, last);
      }
    }
    for (int n = 0; n < COUNT; n++) {
      now[n].abef = _mm_add_epi32(now[n].abef, before[n].abef);
      now[n].cdgh = _mm_add_epi32(now[n].cdgh, before[n].cdgh);
    }
  }
  for (int n = 0; n < COUNT; n++) store(now[n], *texts[n].state);
}

TARGET_SHA void addBySha(const Sha256Text* texts, size_t count, size_t blocks) {
  size_t i = 0;
  for (; i + 2 <= count; i += 2) compress<2>(texts + i, blocks);
  if (i < count) compress<1>(texts + i, blocks);
}

}  // namespace
}  // namespace millrace

MILLRACE_TARGET_BEGIN("avx2")
namespace millrace {
namespace {
#define SHA_LANES 8
#define SHA_NAME lanes8
#include "sha256-lanes.h"
#undef SHA_LANES
#undef SHA_NAME
}  // namespace
}  // namespace millrace
MILLRACE_TARGET_END
MILLRACE_TARGET_BEGIN("avx2,avx512f,avx512vl")
namespace millrace {
namespace {
#define SHA_LANES 16
#define SHA_NAME lanes16
#include "sha256-lanes.h"
#undef SHA_LANES
#undef SHA_NAME
}  // namespace
}  // namespace millrace
MILLRACE_TARGET_END

namespace millrace {

const Sha256Kernel* sha256Avx2() {
  static constexpr Sha256Kernel KERNEL = {"lanes8", false, lanes8::addBlocks};
  return __builtin_cpu_supports("avx2") ? &KERNEL : nullptr;
}

const Sha256Kernel* sha256Avx512() {
  static constexpr Sha256Kernel KERNEL = {"lanes16", false, lanes16::addBlocks};
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? &KERNEL : nullptr;
}

const Sha256Kernel* sha256Instructions() {
  static constexpr Sha256Kernel KERNEL = {"sha", true, addBySha};
  return hasShaInstructions() ? &KERNEL : nullptr;
}

}  // namespace millrace

#elif !defined(__aarch64__)
namespace millrace {
const Sha256Kernel* sha256Avx2() { return nullptr; }
const Sha256Kernel* sha256Avx512() { return nullptr; }
const Sha256Kernel* sha256Instructions() { return nullptr; }
}  // namespace millrace
#endif
