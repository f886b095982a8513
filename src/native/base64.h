// Base64 (RFC 4648, padded), for requests in JSON. Twelve bits at a time from a table of 4,096 pairs; 32 bytes of text at a
// time where the machine has AVX2, 64 with NEON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace millrace {

inline size_t base64Bytes(size_t bytes) { return (bytes + 2) / 3 * 4; }

struct Base64Table {
  char pairs[4096][2];
  constexpr Base64Table() : pairs() {
    const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 4096; i++) {
      pairs[i][0] = alphabet[i >> 6];
      pairs[i][1] = alphabet[i & 63];
    }
  }
};
inline constexpr Base64Table BASE64_TABLE;

#if defined(__x86_64__)
/** Encodes a multiple of 24 bytes and says how many; reads up to 4 bytes past what it encodes, never past `bytes`. */
__attribute__((target("avx2"))) inline size_t base64Wide(uint8_t* to, const uint8_t* from, size_t bytes) {
  const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8,
                                          7, 10, 9, 11, 10);
  // What to add to a 6-bit value to get its letter, by class: 0 = a-z, 1..10 = digits, 11 = '+', 12 = '/', 13 = A-Z.
  const __m256i shift = _mm256_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                         '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0, 'a' - 26, '0' - 52,
                                         '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                         '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
  size_t at = 0;
  for (; at + 28 <= bytes; at += 24, to += 32) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at + 12));
    const __m256i raw = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), spread);
    const __m256i ac = _mm256_mulhi_epu16(_mm256_and_si256(raw, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
    const __m256i bd = _mm256_mullo_epi16(_mm256_and_si256(raw, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
    const __m256i sixes = _mm256_or_si256(ac, bd);
    __m256i classes = _mm256_subs_epu8(sixes, _mm256_set1_epi8(51));
    const __m256i isUpper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), sixes);
    classes = _mm256_or_si256(classes, _mm256_and_si256(isUpper, _mm256_set1_epi8(13)));
    const __m256i letters = _mm256_add_epi8(_mm256_shuffle_epi8(shift, classes), sixes);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), letters);
  }
  return at;
}
#elif defined(__aarch64__) && defined(__ARM_NEON)
inline constexpr uint8_t BASE64_LETTERS[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Encodes a multiple of 48 bytes and says how many. Loads deal bytes out to three vectors, stores gather letters from four. */
inline size_t base64Wide(uint8_t* to, const uint8_t* from, size_t bytes) {
  const uint8x16x4_t letters = vld1q_u8_x4(BASE64_LETTERS);
  const uint8x16_t six = vdupq_n_u8(63);
  size_t at = 0;
  for (; at + 48 <= bytes; at += 48, to += 64) {
    const uint8x16x3_t raw = vld3q_u8(from + at);
    const uint8x16x4_t text = {
        vqtbl4q_u8(letters, vshrq_n_u8(raw.val[0], 2)),
        vqtbl4q_u8(letters, vandq_u8(vsliq_n_u8(vshrq_n_u8(raw.val[1], 4), raw.val[0], 4), six)),
        vqtbl4q_u8(letters, vandq_u8(vsliq_n_u8(vshrq_n_u8(raw.val[2], 6), raw.val[1], 2), six)),
        vqtbl4q_u8(letters, vandq_u8(raw.val[2], six)),
    };
    vst4q_u8(to, text);
  }
  return at;
}
#endif

/** @returns Bytes written: base64Bytes(bytes). */
inline size_t base64Encode(uint8_t* to, const uint8_t* from, size_t bytes) {
  uint8_t* const start = to;
  size_t at = 0;
#if defined(__x86_64__)
  static const bool isWide = __builtin_cpu_supports("avx2");
  if (isWide) {
    at = base64Wide(to, from, bytes);
    to += at / 3 * 4;
  }
#elif defined(__aarch64__) && defined(__ARM_NEON)
  at = base64Wide(to, from, bytes);
  to += at / 3 * 4;
#endif
  for (; at + 3 <= bytes; at += 3, to += 4) {
    const uint32_t bits = uint32_t(from[at]) << 16 | uint32_t(from[at + 1]) << 8 | from[at + 2];
    std::memcpy(to, BASE64_TABLE.pairs[bits >> 12], 2);
    std::memcpy(to + 2, BASE64_TABLE.pairs[bits & 4095], 2);
  }
  if (bytes - at == 1) {
    std::memcpy(to, BASE64_TABLE.pairs[uint32_t(from[at]) << 4], 2);
    to[2] = to[3] = '=';
    to += 4;
  } else if (bytes - at == 2) {
    const uint32_t bits = uint32_t(from[at]) << 8 | from[at + 1];
    std::memcpy(to, BASE64_TABLE.pairs[bits >> 4], 2);
    to[2] = uint8_t(BASE64_TABLE.pairs[(bits & 15) << 2][1]);
    to[3] = '=';
    to += 4;
  }
  return size_t(to - start);
}

}  // namespace millrace
