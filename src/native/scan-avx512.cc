// Scan, AVX-512: the windowed scanner for x86-64 machines with byte permutation and byte compression (Ice Lake, Zen 4 and later).
#include "scan-sink.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cstring>
#include <immintrin.h>

#include <simdjson.h>

#include "scan-classes.h"

#define MILLRACE_AVX512 "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,lzcnt,popcnt,pclmul"
// Everything up to the pop is compiled for these instructions, and has internal linkage: nothing of it can leak into code that
// runs elsewhere.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target(MILLRACE_AVX512))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,lzcnt,popcnt,pclmul")
#endif

namespace millrace {
namespace {
namespace avx512 {

struct Masks {
  uint64_t backslash, quote, op, space, newline, control, high;
};

struct TokenMasks {
  uint64_t quote, colon, comma, newline, openObject, closeObject, openArray, closeArray;
};

inline __m512i load(const uint8_t* from) { return _mm512_loadu_si512(from); }

inline uint64_t equals(__m512i bytes, char byte) { return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte)); }

/** Classes of 64 bytes at once; those beyond ASCII get that of the byte 128 lower. */
inline __m512i lookUp(__m512i bytes, const ClassTable& table) {
  return _mm512_permutex2var_epi8(load(table.of), bytes, load(table.of + 64));
}

inline uint64_t hasBit(__m512i classes, uint8_t bit) { return _mm512_test_epi8_mask(classes, _mm512_set1_epi8(char(bit))); }

inline void classify(const uint8_t* block, Masks& masks) {
  const __m512i bytes = load(block);
  masks.high = _mm512_movepi8_mask(bytes);
  const __m512i classes = _mm512_maskz_mov_epi8(~masks.high, lookUp(bytes, BYTE_CLASSES));
  masks.backslash = equals(bytes, '\\');
  masks.quote = equals(bytes, '"');
  masks.newline = equals(bytes, '\n');
  masks.op = hasBit(classes, CLASS_OP);
  masks.space = hasBit(classes, CLASS_SPACE);
  masks.control = hasBit(classes, CLASS_CONTROL);
}

inline void classifyEscapes(const uint8_t* block, uint64_t& escapable, uint64_t& hex, uint64_t& u) {
  const __m512i bytes = load(block);
  const __m512i classes = _mm512_maskz_mov_epi8(~_mm512_movepi8_mask(bytes), lookUp(bytes, ESCAPE_CLASSES));
  escapable = hasBit(classes, ESCAPE_ALLOWED);
  hex = hasBit(classes, ESCAPE_HEX);
  u = hasBit(classes, ESCAPE_U);
}

inline void classifyTokens(const uint8_t* tokens, TokenMasks& masks) {
  const __m512i bytes = load(tokens);
  masks.quote = equals(bytes, '"');
  masks.colon = equals(bytes, ':');
  masks.comma = equals(bytes, ',');
  masks.newline = equals(bytes, '\n');
  masks.openObject = equals(bytes, '{');
  masks.closeObject = equals(bytes, '}');
  masks.openArray = equals(bytes, '[');
  masks.closeArray = equals(bytes, ']');
}

alignas(64) constexpr uint16_t COUNTING[64] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

inline uint32_t takeTokens(const uint8_t* block, uint64_t which, uint32_t blockAt, uint8_t* bytes, uint16_t* at) {
  // Compressed in a register and stored whole: compressing into memory is slow on some of these machines.
  _mm512_storeu_si512(bytes, _mm512_maskz_compress_epi8(which, load(block)));
  const __m512i base = _mm512_set1_epi16(short(blockAt));
  const __m512i low = _mm512_add_epi16(base, _mm512_load_si512(COUNTING));
  const __m512i high = _mm512_add_epi16(base, _mm512_load_si512(COUNTING + 32));
  const uint32_t lowCount = uint32_t(_mm_popcnt_u32(uint32_t(which)));
  _mm512_storeu_si512(at, _mm512_maskz_compress_epi16(__mmask32(which), low));
  _mm512_storeu_si512(at + lowCount, _mm512_maskz_compress_epi16(__mmask32(which >> 32), high));
  return uint32_t(_mm_popcnt_u64(which));
}

inline uint64_t prefixXor(uint64_t bits) {
  const __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, int64_t(bits)), _mm_set1_epi8(char(0xff)), 0);
  return uint64_t(_mm_cvtsi128_si64(product));
}

inline __mmask32 firstBytes(size_t count) { return count >= 32 ? ~uint32_t(0) : uint32_t((uint64_t(1) << count) - 1); }

inline bool isPlainInteger(const uint8_t* at, const uint8_t* end) {
  // Bytes past the window are not read; as zeros they are no digits, and end a number as a line end would.
  const __m256i bytes = _mm256_maskz_loadu_epi8(firstBytes(size_t(end - at)), at);
  const __m256i digits = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0'));
  const uint32_t others = _mm256_cmpgt_epu8_mask(digits, _mm256_set1_epi8(9));
  const uint32_t count = _tzcnt_u32(others);
  const bool isLeadingZero = *at == '0' && count != 1;
  return count - 1 < 31 && !isLeadingZero && (at + count == end || isScalarEnd(at[count]));
}

inline uint32_t commonPrefix(const uint8_t* name, const uint8_t* wanted, uint32_t bytes, uint32_t) {
  uint32_t same = 0;
  for (; bytes - same > 32; same += 32) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(name + same));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(wanted + same));
    const uint32_t others = _mm256_cmpneq_epi8_mask(a, b);
    if (others != 0) return same + _tzcnt_u32(others);
  }
  const __mmask32 which = firstBytes(bytes - same);
  const __m256i a = _mm256_maskz_loadu_epi8(which, name + same);
  const __m256i b = _mm256_maskz_loadu_epi8(which, wanted + same);
  const uint32_t others = _mm256_cmpneq_epi8_mask(a, b);
  return others == 0 ? bytes : same + _tzcnt_u32(others);
}

inline bool hasBackslash(const uint8_t* start, const uint8_t* end) {
  for (;; start += 32) {
    const size_t left = size_t(end - start);
    const __m256i bytes = _mm256_maskz_loadu_epi8(firstBytes(left), start);
    if (_mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8('\\')) != 0) return true;
    if (left <= 32) return false;
  }
}

#include "scan-window.h"

void hashGroup(const uint32_t (*blocks)[16], uint32_t wordCount, uint32_t (*digests)[GROUP_RECORDS]) {
  typedef uint32_t Word __attribute__((vector_size(64)));
  static_assert(sizeof(Word) == GROUP_RECORDS * 4);
  Word words[16] = {};
  const __m512i rows = _mm512_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240);
  for (uint32_t word = 0; word < wordCount; word++) words[word] = Word(_mm512_i32gather_epi32(rows, &blocks[0][word], 4));
  words[14] = Word(_mm512_i32gather_epi32(rows, &blocks[0][14], 4));
  Word state[4];
  for (int i = 0; i < 4; i++) state[i] = Word{} + MD5_START[i];
  md5Block(state, words);
  for (int i = 0; i < 4; i++) std::memcpy(digests[i], &state[i], sizeof(Word));
}

}  // namespace avx512
}  // namespace
}  // namespace millrace

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace millrace {
const ScanKernels* scanKernelsAvx512() {
  static constexpr ScanKernels KERNELS = {"avx512", avx512::scanWindow, avx512::hashGroup};
  const bool isThere = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
                       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
  return isThere ? &KERNELS : nullptr;
}
}  // namespace millrace

#else
namespace millrace {
const ScanKernels* scanKernelsAvx512() { return nullptr; }
}  // namespace millrace
#endif
