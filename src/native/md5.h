// MD5 (RFC 1321): the hash by which the service spreads partition keys over shards. Here for two uses: one message of any length,
// and many messages of one block side by side, which hides the latency that makes a single one slow.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace millrace {

/** floor(2^32 * |sin(i + 1)|), RFC 1321 section 3.4. */
inline constexpr uint32_t MD5_SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
    0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
    0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97,
    0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
inline constexpr int MD5_SHIFTS[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
inline constexpr uint32_t MD5_START[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

/** Bytes that fit into one block beside the padding. */
constexpr uint32_t MD5_BLOCK_MESSAGE_MAX = 55;

template <int BITS, typename Word>
[[gnu::always_inline]] inline void md5Rotate(Word& word) {
  word = (word << BITS) | (word >> (32 - BITS));
}

#if defined(__aarch64__)
typedef uint32_t Md5Words4 __attribute__((vector_size(16)));
/** Compilers do not see that one instruction shifts and inserts. */
template <int BITS>
[[gnu::always_inline]] inline void md5Rotate(Md5Words4& word) {
  word = Md5Words4(vsriq_n_u32(vshlq_n_u32(uint32x4_t(word), BITS), uint32x4_t(word), 32 - BITS));
}
#endif

/** Two words that go through the steps together: one waits for its results while the other one computes. */
template <typename Half>
struct Md5Pair {
  Half first, second;
  [[gnu::always_inline]] Md5Pair operator+(const Md5Pair& other) const { return {first + other.first, second + other.second}; }
  [[gnu::always_inline]] Md5Pair operator+(uint32_t number) const { return {first + number, second + number}; }
  [[gnu::always_inline]] Md5Pair operator^(const Md5Pair& other) const { return {first ^ other.first, second ^ other.second}; }
  [[gnu::always_inline]] Md5Pair operator&(const Md5Pair& other) const { return {first & other.first, second & other.second}; }
  [[gnu::always_inline]] Md5Pair operator|(const Md5Pair& other) const { return {first | other.first, second | other.second}; }
  [[gnu::always_inline]] Md5Pair operator~() const { return {~first, ~second}; }
  [[gnu::always_inline]] void operator+=(const Md5Pair& other) { *this = *this + other; }
};

template <int BITS, typename Half>
[[gnu::always_inline]] inline void md5Rotate(Md5Pair<Half>& pair) {
  md5Rotate<BITS>(pair.first);
  md5Rotate<BITS>(pair.second);
}

/** Of a block whose message is shorter than `WORDS` words: beside them only the length, in word 14, is not zero. */
template <int WORDS>
constexpr bool isZeroWord(int index) {
  return index >= WORDS && index != 14;
}

template <int STEP, int WORDS, typename Word>
[[gnu::always_inline]] inline void md5Step(Word& a, const Word& b, const Word& c, const Word& d, const Word* words) {
  constexpr int ROUND = STEP / 16;
  constexpr int INDEX = ROUND == 0 ? STEP : ROUND == 1 ? (5 * STEP + 1) % 16 : ROUND == 2 ? (3 * STEP + 5) % 16 : (7 * STEP) % 16;
  constexpr int SHIFT = MD5_SHIFTS[ROUND][STEP % 4];
  Word mix;
  if constexpr (ROUND == 0) mix = d ^ (b & (c ^ d));
  else if constexpr (ROUND == 1) mix = c ^ (d & (b ^ c));
  else if constexpr (ROUND == 2) mix = b ^ c ^ d;
  else mix = c ^ (b | ~d);
  // `mix` comes last: it alone waits for the step before.
  Word sum;
  if constexpr (isZeroWord<WORDS>(INDEX)) sum = (a + MD5_SINES[STEP]) + mix;
  else sum = (a + (words[INDEX] + MD5_SINES[STEP])) + mix;
  md5Rotate<SHIFT>(sum);
  a = b + sum;
}

template <int STEP, int WORDS, typename Word>
[[gnu::always_inline]] inline void md5Steps(Word& a, Word& b, Word& c, Word& d, const Word* words) {
  if constexpr (STEP < 64) {
    md5Step<STEP, WORDS>(a, b, c, d, words);
    md5Step<STEP + 1, WORDS>(d, a, b, c, words);
    md5Step<STEP + 2, WORDS>(c, d, a, b, words);
    md5Step<STEP + 3, WORDS>(b, c, d, a, words);
    md5Steps<STEP + 4, WORDS>(a, b, c, d, words);
  }
}

/**
 * Mixes one block of 16 words into the state. Word is uint32_t, or a vector of them: then each lane is a message of its own.
 * With WORDS under 16 only so many words, and word 14, are looked at.
 */
template <int WORDS = 16, typename Word>
[[gnu::always_inline]] inline void md5Block(Word* state, const Word* words) {
  Word a = state[0], b = state[1], c = state[2], d = state[3];
  md5Steps<0, WORDS>(a, b, c, d, words);
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

/** A digest as the big-endian 128-bit number that the service compares. */
inline void md5ToHashKey(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint64_t* high, uint64_t* low) {
  *high = (uint64_t(__builtin_bswap32(a)) << 32) | __builtin_bswap32(b);
  *low = (uint64_t(__builtin_bswap32(c)) << 32) | __builtin_bswap32(d);
}

/** MD5 of one message of any length. */
inline void md5Message(const uint8_t* message, uint64_t messageBytes, uint64_t* high, uint64_t* low) {
  uint32_t state[4] = {MD5_START[0], MD5_START[1], MD5_START[2], MD5_START[3]};
  uint32_t words[16];
  uint64_t left = messageBytes;
  for (; left >= 64; left -= 64, message += 64) {
    std::memcpy(words, message, 64);
    md5Block(state, words);
  }
  uint8_t tail[128] = {};
  std::memcpy(tail, message, left);
  tail[left] = 0x80;
  const uint64_t tailBytes = left > MD5_BLOCK_MESSAGE_MAX ? 128 : 64;
  const uint64_t bits = messageBytes * 8;
  std::memcpy(tail + tailBytes - 8, &bits, 8);
  for (uint64_t at = 0; at < tailBytes; at += 64) {
    std::memcpy(words, tail + at, 64);
    md5Block(state, words);
  }
  md5ToHashKey(state[0], state[1], state[2], state[3], high, low);
}

}  // namespace millrace
