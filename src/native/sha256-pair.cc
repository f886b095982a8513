// SHA-256 of two texts side by side (FIPS 180-4). The processor's SHA instructions wait for each other within one text; a
// second one fills the gaps, at 1.9 times the speed of one after the other (bench/bytes.ts). src/aws/body-hash.ts is the
// only caller, and takes the platform's hash where this processor has no such instructions.
#include "addon.h"
#include "args.h"

#include <cstring>

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#define TARGET_SHA __attribute__((target("sha,sse4.1,ssse3")))

namespace millrace {
namespace {

constexpr size_t BLOCK_BYTES = 64;
constexpr size_t DIGEST_BYTES = 32;
/** Of a text's length, at the end of its last block. */
constexpr size_t LENGTH_BYTES = 8;

alignas(64) constexpr uint32_t ROUND_CONSTANTS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/** Words A to H as the instructions want them: high to low A B E F and C D G H. */
struct State {
  __m128i abef;
  __m128i cdgh;
};

bool hasShaInstructions() {
  uint32_t a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 29 & 1) != 0;
}

/** Takes `blocks` blocks of each of COUNT texts. */
template <int COUNT>
TARGET_SHA void compress(State* states, const uint8_t* const* texts, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  State now[COUNT];
  for (int n = 0; n < COUNT; n++) now[n] = states[n];
  for (size_t block = 0; block < blocks; block++) {
    __m128i words[COUNT][4];
    State before[COUNT];
    for (int n = 0; n < COUNT; n++) {
      before[n] = now[n];
      const auto* from = reinterpret_cast<const __m128i*>(texts[n] + block * BLOCK_BYTES);
      for (int i = 0; i < 4; i++) words[n][i] = _mm_shuffle_epi8(_mm_loadu_si128(from + i), swap);
    }
#pragma GCC unroll 16
    for (int quad = 0; quad < 16; quad++) {
      const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(ROUND_CONSTANTS + 4 * quad));
#pragma GCC unroll 2
      for (int n = 0; n < COUNT; n++) {
        __m128i* const w = words[n];
        State& s = now[n];
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
  for (int n = 0; n < COUNT; n++) states[n] = now[n];
}

/** Takes what is left of a text from its block `block` on, its padding, and writes the digest. */
TARGET_SHA void finish(State state, View<uint8_t> text, size_t block, uint8_t* out) {
  const size_t whole = text.length / BLOCK_BYTES;
  const uint8_t* at = text.data + block * BLOCK_BYTES;
  compress<1>(&state, &at, whole - block);
  const size_t rest = text.length - whole * BLOCK_BYTES;
  uint8_t tail[2 * BLOCK_BYTES] = {};
  if (rest > 0) std::memcpy(tail, text.data + whole * BLOCK_BYTES, rest);
  tail[rest] = 0x80;
  const size_t tailBlocks = rest + 1 + LENGTH_BYTES > BLOCK_BYTES ? 2 : 1;
  const uint64_t bits = __builtin_bswap64(uint64_t(text.length) * 8);
  std::memcpy(tail + tailBlocks * BLOCK_BYTES - LENGTH_BYTES, &bits, sizeof bits);
  const uint8_t* tailAt = tail;
  compress<1>(&state, &tailAt, tailBlocks);
  // A B E F and C D G H into A B C D and E F G H, each word's highest byte first.
  const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  const __m128i abcd = _mm_unpackhi_epi64(state.cdgh, state.abef);
  const __m128i efgh = _mm_unpacklo_epi64(state.cdgh, state.abef);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(abcd, swap));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out) + 1, _mm_shuffle_epi8(efgh, swap));
}

TARGET_SHA void hashPair(View<uint8_t> first, View<uint8_t> second, uint8_t* out) {
  const State start{_mm_set_epi32(0x6a09e667, int(0xbb67ae85), 0x510e527f, int(0x9b05688c)),
                    _mm_set_epi32(0x3c6ef372, int(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19)};
  State states[2] = {start, start};
  const uint8_t* const texts[2] = {first.data, second.data};
  const size_t shared = (first.length < second.length ? first.length : second.length) / BLOCK_BYTES;
  compress<2>(states, texts, shared);
  finish(states[0], first, shared, out);
  finish(states[1], second, shared, out + DIGEST_BYTES);
}

/** sha256Pair(first, second, out): both digests into the 64 bytes of `out`. */
napi_value sha256Pair(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const View<uint8_t> out = viewOf<uint8_t>(env, args[2]);
  if (out.length < 2 * DIGEST_BYTES) return refuse(env, "Cannot hash two texts: there is no room for both digests");
  hashPair(viewOf<uint8_t>(env, args[0]), viewOf<uint8_t>(env, args[1]), out.data);
  return nullptr;
}

}  // namespace

void registerSha256(napi_env env, napi_value exports) {
  if (hasShaInstructions()) exportFunction(env, exports, "sha256Pair", sha256Pair);
}

}  // namespace millrace

#else

namespace millrace {
void registerSha256(napi_env, napi_value) {}
}  // namespace millrace

#endif
