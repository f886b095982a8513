// SHA-256 of several texts side by side, a text in each lane of vectors of 32-bit words. Included once per width, with SHA_LANES (4, 8 or 16)
// and SHA_NAME (a namespace) set, inside the region that is compiled for the instructions: so it cannot be a template. No include guard, on purpose.

namespace SHA_NAME {

typedef uint32_t Words __attribute__((vector_size(4 * SHA_LANES)));

template <int BITS>
[[gnu::always_inline]] inline void rotate(const Words& word, Words& out) {
  out = (word >> BITS) | (word << (32 - BITS));
}

/** Three turns of a word, of which the last one is a shift where SHIFTS says so. */
template <int ONE, int TWO, int THREE, bool SHIFTS>
[[gnu::always_inline]] inline void mix(const Words& word, Words& out) {
  Words one, two, three;
  rotate<ONE>(word, one);
  rotate<TWO>(word, two);
  if constexpr (SHIFTS) three = word >> THREE;
  else rotate<THREE>(word, three);
  out = one ^ two ^ three;
}

#define LANES SHA_LANES
#define LANES_TARGET
#include "lanes-block.h"
#undef LANES
#undef LANES_TARGET

/** Turns the bytes of each word around. */
[[gnu::always_inline]] inline void reverse(Words& word) {
#if SHA_LANES == 8
  typedef uint8_t Bytes __attribute__((vector_size(32)));
  const Bytes bytes = (Bytes)word;
  word = (Words)__builtin_shufflevector(bytes, bytes, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16, 23, 22, 21,
                                        20, 27, 26, 25, 24, 31, 30, 29, 28);
#else
  word = (((word << 8) | (word >> 24)) & 0x00ff00ff) | (((word >> 8) | (word << 24)) & 0xff00ff00);
#endif
}

/** One block of each text. */
inline void addBlock(Words* state, const uint8_t* const* blocks) {
  Words words[16];
  loadBlock(blocks, 0, words);
  for (int i = 0; i < 16; i++) reverse(words[i]);
  Words v[8];
  for (int i = 0; i < 8; i++) v[i] = state[i];
#pragma GCC unroll 64
  for (int round = 0; round < 64; round++) {
    Words& word = words[round & 15];
    if (round >= 16) {
      Words first, last;
      mix<7, 18, 3, true>(words[(round + 1) & 15], first);
      mix<17, 19, 10, true>(words[(round + 14) & 15], last);
      word += first + words[(round + 9) & 15] + last;
    }
    // Nothing is moved from word to word: the names turn around.
    const Words &a = v[(64 - round) & 7], &b = v[(65 - round) & 7], &c = v[(66 - round) & 7];
    Words& d = v[(67 - round) & 7];
    const Words &e = v[(68 - round) & 7], &f = v[(69 - round) & 7], &g = v[(70 - round) & 7];
    Words& h = v[(71 - round) & 7];
    Words sum1, sum0;
    mix<6, 11, 25, false>(e, sum1);
    // What the next round waits for is added last: these additions are as few as they can be behind the turns of `a` and `e`.
    h += (word + SHA256_ROUNDS[round]) + (g ^ (e & (f ^ g))) + sum1;
    d += h;
    mix<2, 13, 22, false>(a, sum0);
    h = (h + ((a & b) | (c & (a | b)))) + sum0;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

void addBlocks(const Sha256Text* texts, size_t count, size_t blocks) {
  for (size_t first = 0; first < count; first += SHA_LANES) {
    const size_t used = count - first < SHA_LANES ? count - first : SHA_LANES;
    uint32_t rows[8][SHA_LANES];
    const uint8_t* at[SHA_LANES];
    for (size_t lane = 0; lane < SHA_LANES; lane++) {
      // An idle lane chews on a busy one's text, and nobody reads the result.
      const Sha256Text& text = texts[first + (lane < used ? lane : 0)];
      for (int i = 0; i < 8; i++) rows[i][lane] = text.state->words[i];
      at[lane] = text.bytes;
    }
    Words state[8];
    std::memcpy(state, rows, sizeof state);
    for (size_t block = 0; block < blocks; block++) {
      addBlock(state, at);
      for (size_t lane = 0; lane < SHA_LANES; lane++) at[lane] += SHA256_BLOCK_BYTES;
    }
    std::memcpy(rows, state, sizeof state);
    for (size_t lane = 0; lane < used; lane++) {
      for (int i = 0; i < 8; i++) texts[first + lane].state->words[i] = rows[i][lane];
    }
  }
}

}  // namespace SHA_NAME
