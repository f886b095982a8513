// SHA-256 on 64-bit ARM: by its SHA instructions, where the processor has them, two texts at a time, which fill each other's gaps.
#include "sha256.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include "arm-features.h"

#if defined(__clang__)
#define TARGET_SHA __attribute__((target("sha2")))
#else
#define TARGET_SHA __attribute__((target("+crypto")))
#endif

namespace millrace {
namespace {

/** Words A to D, and E to H. */
struct Halves {
  uint32x4_t abcd;
  uint32x4_t efgh;
};

/** Takes `blocks` blocks of each of COUNT texts. */
template <int COUNT>
TARGET_SHA void compress(const Sha256Text* texts, size_t blocks) {
  Halves now[COUNT];
  for (int n = 0; n < COUNT; n++) now[n] = {vld1q_u32(texts[n].state->words), vld1q_u32(texts[n].state->words + 4)};
  for (size_t block = 0; block < blocks; block++) {
    uint32x4_t words[COUNT][4];
    Halves before[COUNT];
    for (int n = 0; n < COUNT; n++) {
      before[n] = now[n];
      const uint8_t* from = texts[n].bytes + block * SHA256_BLOCK_BYTES;
      for (int i = 0; i < 4; i++) words[n][i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(from + 16 * i)));
    }
#pragma GCC unroll 16
    for (int quad = 0; quad < 16; quad++) {
      const uint32x4_t constants = vld1q_u32(SHA256_ROUNDS + 4 * quad);
#pragma GCC unroll 2
      for (int n = 0; n < COUNT; n++) {
        uint32x4_t* const w = words[n];
        Halves& s = now[n];
        const uint32x4_t sum = vaddq_u32(w[quad & 3], constants);
        const uint32x4_t abcd = s.abcd;
        s.abcd = vsha256hq_u32(s.abcd, s.efgh, sum);
        s.efgh = vsha256h2q_u32(s.efgh, abcd, sum);
        if (quad >= 12) continue;
        w[quad & 3] = vsha256su1q_u32(vsha256su0q_u32(w[quad & 3], w[(quad + 1) & 3]), w[(quad + 2) & 3], w[(quad + 3) & 3]);
      }
    }
    for (int n = 0; n < COUNT; n++) {
      now[n].abcd = vaddq_u32(now[n].abcd, before[n].abcd);
      now[n].efgh = vaddq_u32(now[n].efgh, before[n].efgh);
    }
  }
  for (int n = 0; n < COUNT; n++) {
    vst1q_u32(texts[n].state->words, now[n].abcd);
    vst1q_u32(texts[n].state->words + 4, now[n].efgh);
  }
}

TARGET_SHA void addBySha(const Sha256Text* texts, size_t count, size_t blocks) {
  size_t i = 0;
  for (; i + 2 <= count; i += 2) compress<2>(texts + i, blocks);
  if (i < count) compress<1>(texts + i, blocks);
}

}  // namespace

const Sha256Kernel* sha256Avx2() { return nullptr; }
const Sha256Kernel* sha256Avx512() { return nullptr; }

const Sha256Kernel* sha256Instructions() {
  static constexpr Sha256Kernel KERNEL = {"sha", true, addBySha};
  return hasArm(ArmFeature::sha256) ? &KERNEL : nullptr;
}

}  // namespace millrace
#endif
