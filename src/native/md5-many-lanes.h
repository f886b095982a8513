// The MD5 block function over MD5_LANES messages side by side. Included by md5-many.cc once per instruction set, with
// MD5_LANES, MD5_NAME and MD5_TARGET set: code for a newer set must be compiled for it, so it cannot be a template.
//
// state: 4 rows (a, b, c, d) of MD5_LANES words. Every message gives blockCount blocks of 64 bytes.

namespace MD5_NAME {

typedef uint32_t Words __attribute__((vector_size(4 * MD5_LANES)));

#define LANES MD5_LANES
#define LANES_TARGET MD5_TARGET
#include "lanes-block.h"
#undef LANES
#undef LANES_TARGET

MD5_TARGET inline void blocks(uint32_t (*state)[MD5_LANES_MAX], const uint8_t* const* messages, size_t blockCount) {
  Words a, b, c, d, words[16];
  std::memcpy(&a, state[0], sizeof a);
  std::memcpy(&b, state[1], sizeof b);
  std::memcpy(&c, state[2], sizeof c);
  std::memcpy(&d, state[3], sizeof d);
  for (size_t block = 0; block < blockCount; block++) {
    loadBlock(messages, block * 64, words);
    const Words a0 = a, b0 = b, c0 = c, d0 = d;
    MD5_ROUNDS
    a += a0;
    b += b0;
    c += c0;
    d += d0;
  }
  std::memcpy(state[0], &a, sizeof a);
  std::memcpy(state[1], &b, sizeof b);
  std::memcpy(state[2], &c, sizeof c);
  std::memcpy(state[3], &d, sizeof d);
}

}  // namespace MD5_NAME
