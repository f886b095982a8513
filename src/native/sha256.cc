// SHA-256: see sha256.h. What every machine can do, and the choice.
#include "sha256.h"

namespace millrace {
namespace {

inline uint32_t rotate(uint32_t word, int by) { return (word >> by) | (word << (32 - by)); }

void addBlock(uint32_t* state, const uint8_t* block) {
  uint32_t words[64];
  for (int i = 0; i < 16; i++) {
    std::memcpy(&words[i], block + 4 * i, 4);
    words[i] = __builtin_bswap32(words[i]);
  }
  for (int i = 16; i < 64; i++) {
    const uint32_t s0 = rotate(words[i - 15], 7) ^ rotate(words[i - 15], 18) ^ (words[i - 15] >> 3);
    const uint32_t s1 = rotate(words[i - 2], 17) ^ rotate(words[i - 2], 19) ^ (words[i - 2] >> 10);
    words[i] = words[i - 16] + s0 + words[i - 7] + s1;
  }
  uint32_t v[8];
  std::memcpy(v, state, sizeof v);
  for (int i = 0; i < 64; i++) {
    const uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    const uint32_t one = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + SHA256_ROUNDS[i] + words[i];
    const uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    const uint32_t two = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    v[7] = v[6];
    v[6] = v[5];
    v[5] = v[4];
    v[4] = v[3] + one;
    v[3] = v[2];
    v[2] = v[1];
    v[1] = v[0];
    v[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

void addPlain(const Sha256Text* texts, size_t count, size_t blocks) {
  for (size_t i = 0; i < count; i++) {
    for (size_t block = 0; block < blocks; block++) addBlock(texts[i].state->words, texts[i].bytes + block * SHA256_BLOCK_BYTES);
  }
}

#define SHA_LANES 4
#define SHA_NAME lanes4
#include "sha256-lanes.h"
#undef SHA_LANES
#undef SHA_NAME

}  // namespace

const Sha256Kernel SHA256_PLAIN = {"plain", false, addPlain};
const Sha256Kernel SHA256_LANES4 = {"lanes4", false, lanes4::addBlocks};

uint32_t listSha256(const Sha256Kernel** list) {
  uint32_t count = 0;
  list[count++] = &SHA256_PLAIN;
  list[count++] = &SHA256_LANES4;
  if (const Sha256Kernel* kernel = sha256Avx2()) list[count++] = kernel;
  if (const Sha256Kernel* kernel = sha256Avx512()) list[count++] = kernel;
  if (const Sha256Kernel* kernel = sha256Instructions()) list[count++] = kernel;
  return count;
}

const Sha256Kernel& sha256Kernel() {
  static const Sha256Kernel* const preferred = [] {
    const Sha256Kernel* list[SHA256_KERNELS_MAX];
    return list[listSha256(list) - 1];
  }();
  return *preferred;
}

}  // namespace millrace
