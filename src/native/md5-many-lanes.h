// The MD5 block function over MD5_LANES messages side by side. Included by md5-many.cc once per instruction set, with
// MD5_LANES, MD5_NAME and MD5_TARGET set: code for a newer set must be compiled for it, so it cannot be a template.
//
// state: 4 rows (a, b, c, d) of a word for each message. Every message gives blockCount blocks of 64 bytes.

namespace MD5_NAME {

typedef uint32_t Words __attribute__((vector_size(4 * MD5_LANES)));

#define LANES MD5_LANES
#define LANES_TARGET MD5_TARGET
#include "lanes-block.h"
#undef LANES
#undef LANES_TARGET

/** Of as many messages as a vector has lanes. */
struct State {
  Words a, b, c, d;

  MD5_TARGET void load(const uint32_t (*state)[MD5_LANES_MAX], size_t lane) {
    std::memcpy(&a, state[0] + lane, sizeof a);
    std::memcpy(&b, state[1] + lane, sizeof b);
    std::memcpy(&c, state[2] + lane, sizeof c);
    std::memcpy(&d, state[3] + lane, sizeof d);
  }
  MD5_TARGET void store(uint32_t (*state)[MD5_LANES_MAX], size_t lane) const {
    std::memcpy(state[0] + lane, &a, sizeof a);
    std::memcpy(state[1] + lane, &b, sizeof b);
    std::memcpy(state[2] + lane, &c, sizeof c);
    std::memcpy(state[3] + lane, &d, sizeof d);
  }
  MD5_TARGET void add(const Words& a1, const Words& b1, const Words& c1, const Words& d1) {
    a += a1;
    b += b1;
    c += c1;
    d += d1;
  }
};

MD5_TARGET inline void blocks(uint32_t (*state)[MD5_LANES_MAX], const uint8_t* const* messages, size_t blockCount) {
  State first;
  first.load(state, 0);
  Words words1[16];
  for (size_t block = 0; block < blockCount; block++) {
    loadBlock(messages, block * 64, words1);
    Words a1 = first.a, b1 = first.b, c1 = first.c, d1 = first.d;
    MD5_ROUNDS(MD5_ONE)
    first.add(a1, b1, c1, d1);
  }
  first.store(state, 0);
}

/** The same of twice as many. */
MD5_TARGET inline void blocksTwice(uint32_t (*state)[MD5_LANES_MAX], const uint8_t* const* messages, size_t blockCount) {
  State first, second;
  first.load(state, 0);
  second.load(state, MD5_LANES);
  Words words1[16], words2[16];
  for (size_t block = 0; block < blockCount; block++) {
    loadBlock(messages, block * 64, words1);
    loadBlock(messages + MD5_LANES, block * 64, words2);
    Words a1 = first.a, b1 = first.b, c1 = first.c, d1 = first.d;
    Words a2 = second.a, b2 = second.b, c2 = second.c, d2 = second.d;
    MD5_ROUNDS(MD5_TWO)
    first.add(a1, b1, c1, d1);
    second.add(a2, b2, c2, d2);
  }
  first.store(state, 0);
  second.store(state, MD5_LANES);
}

}  // namespace MD5_NAME
