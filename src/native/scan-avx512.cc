// Scan, AVX-512: the windowed scanner for x86-64 machines with byte permutation and byte compression (Ice Lake, Zen 4 and later).
#if defined(__GNUC__) && !defined(__clang__)
// GCC's own headers of these instructions set off both (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "scan-shape.h"
#include "scan-sink.h"
#include "target-region.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cstring>
#include <immintrin.h>

#include "simdjson-calls.h"

#include "scan-classes.h"

MILLRACE_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,lzcnt,popcnt,pclmul")

namespace millrace {
namespace {
namespace avx512 {

struct Masks {
  uint64_t backslash, quote, delimiter, structural, control;
};

struct HighSeen {
  __m512i bytes;
  bool any() const { return _mm512_movepi8_mask(bytes) != 0; }
};

struct TokenMasks {
  uint64_t quote, colon, comma, newline, openObject, closeObject, openArray, closeArray, letter;
};

inline __m512i load(const uint8_t* from) { return _mm512_loadu_si512(from); }

inline uint64_t equals(__m512i bytes, char byte) { return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte)); }

/** Classes of 64 bytes at once; those beyond ASCII get that of the byte 128 lower. */
inline __m512i lookUp(__m512i bytes, const ClassTable& table) {
  return _mm512_permutex2var_epi8(load(table.of), bytes, load(table.of + 64));
}

inline uint64_t hasBit(__m512i classes, uint8_t bit) { return _mm512_test_epi8_mask(classes, _mm512_set1_epi8(char(bit))); }

inline void classify(const uint8_t* block, Masks& masks, HighSeen& high) {
  const __m512i bytes = load(block);
  high.bytes = _mm512_or_si512(high.bytes, bytes);
  const __m512i classes = lookUp(bytes, BYTE_CLASSES);
  masks.backslash = equals(bytes, '\\');
  masks.quote = equals(bytes, '"');
  masks.delimiter = hasBit(classes, CLASS_DELIMITER);
  masks.structural = hasBit(classes, CLASS_STRUCTURAL);
  masks.control = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20));
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
  masks.letter = hasBit(bytes, 0x40);
}

inline uint64_t equalsByte(const uint8_t* bytes, uint8_t byte) { return equals(load(bytes), char(byte)); }

inline uint64_t differ(const uint8_t* bytes, const uint8_t* others) { return _mm512_cmpneq_epi8_mask(load(bytes), load(others)); }

inline uint64_t bracketsOf(const uint8_t* tokens) {
  return equals(_mm512_and_si512(load(tokens), _mm512_set1_epi8(char(BRACKET_BITS))), BRACKET);
}

inline uint64_t equalsLower(const uint8_t* bytes, uint8_t byte) {
  return equals(_mm512_or_si512(load(bytes), _mm512_set1_epi8(0x20)), char(byte));
}

struct CountingTable {
  uint8_t numbers[64];
};
constexpr CountingTable makeCounting() {
  CountingTable table = {};
  for (int i = 0; i < 64; i++) table.numbers[i] = uint8_t(i);
  return table;
}
alignas(64) constexpr CountingTable COUNTING = makeCounting();

inline void store16(uint16_t* to, __m256i offsets, __m512i base) {
  _mm512_storeu_si512(to, _mm512_add_epi16(_mm512_cvtepu8_epi16(offsets), base));
}

inline uint32_t takeTokens(const uint8_t* block, uint64_t which, uint32_t blockAt, ScanState& state, uint32_t tokenCount) {
  const uint32_t count = uint32_t(_mm_popcnt_u64(which));
  // Compressed in a register and stored whole: compressing into memory is slow on some of these machines.
  const __m512i bytes = _mm512_maskz_compress_epi8(which, load(block));
  const __m512i next = _mm512_maskz_compress_epi8(which, load(block + 1));
  const __m512i offsets = _mm512_maskz_compress_epi8(which, load(COUNTING.numbers));
  const __m512i base = _mm512_set1_epi16(short(blockAt));
  uint8_t* toBytes = state.tokenBytes + tokenCount;
  uint8_t* toNext = state.tokenNext + tokenCount;
  uint16_t* toAt = state.tokenAt + tokenCount;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(toBytes), _mm512_castsi512_si256(bytes));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(toNext), _mm512_castsi512_si256(next));
  store16(toAt, _mm512_castsi512_si256(offsets), base);
  if (count > 32) [[unlikely]] {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(toBytes + 32), _mm512_extracti64x4_epi64(bytes, 1));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(toNext + 32), _mm512_extracti64x4_epi64(next, 1));
    store16(toAt + 32, _mm512_extracti64x4_epi64(offsets, 1), base);
  }
  return count;
}

inline uint64_t prefixXor(uint64_t bits) {
  const __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, int64_t(bits)), _mm_set1_epi8(char(0xff)), 0);
  return uint64_t(_mm_cvtsi128_si64(product));
}

inline __mmask32 firstBytes(size_t count) { return count >= 32 ? ~uint32_t(0) : uint32_t((uint64_t(1) << count) - 1); }

inline bool isPlainInteger(const uint8_t* at, const uint8_t* end) {
  // Bytes past the window are not read; as zeros they are in no number.
  const __m256i bytes = _mm256_maskz_loadu_epi8(firstBytes(size_t(end - at)), at);
  const __m256i digits = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0'));
  return isDigitsOnly(at, end, _mm256_cmple_epu8_mask(digits, _mm256_set1_epi8(9)), 31);
}

inline bool isPlainNumber(const uint8_t* at, const uint8_t* end) {
  const __m256i bytes = _mm256_maskz_loadu_epi8(firstBytes(size_t(end - at)), at);
  const __m256i digits = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0'));
  const __m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
  const NumberMasks is = {
      _mm256_cmple_epu8_mask(digits, _mm256_set1_epi8(9)),   _mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8('.')),
      _mm256_cmpeq_epi8_mask(lower, _mm256_set1_epi8('e')),  _mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8('-')),
      _mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8('+')),
  };
  return isShortNumber(at, end, is, 31);
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

#include "cut-window.h"

typedef uint32_t Words16 __attribute__((vector_size(64)));

inline Words16 gatherWords(const uint32_t (*blocks)[16], uint32_t word) {
  const __m512i rows = _mm512_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240);
  return Words16(_mm512_i32gather_epi32(rows, &blocks[0][word], 4));
}

void hashGroup(const uint32_t (*blocks)[16], uint32_t, uint32_t wordCount, uint32_t (*digests)[GROUP_RECORDS]) {
  typedef Md5Pair<Words16> Word;
  static_assert(sizeof(Word) == GROUP_RECORDS * 4);
  Word words[16];
  for (uint32_t word = 0; word < 16; word++) {
    words[word] = Word{Words16{}, Words16{}};
    if (word >= wordCount && word != 14) continue;
    words[word] = Word{gatherWords(blocks, word), gatherWords(blocks + 16, word)};
  }
  Word state[4];
  for (int i = 0; i < 4; i++) state[i] = Word{Words16{} + MD5_START[i], Words16{} + MD5_START[i]};
  md5Block(state, words);
  for (int i = 0; i < 4; i++) std::memcpy(digests[i], &state[i], sizeof(Word));
}

}  // namespace avx512
}  // namespace
}  // namespace millrace

MILLRACE_TARGET_END

namespace millrace {
const ScanKernels* scanKernelsAvx512() {
  static constexpr ScanKernels KERNELS = {"avx512", avx512::scanWindow<avx512::KeyWalk>, avx512::scanWindow<avx512::ShapeWalk>, avx512::hashGroup,
                                          avx512::cutValues};
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
