// Scan, AVX2: the windowed scanner for x86-64 machines of about 2013 and later.
#include "scan-shape.h"
#include "scan-sink.h"
#include "target-region.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cstring>
#include <immintrin.h>

#include "simdjson-calls.h"

#include "scan-classes.h"
#include "scan-places.h"

MILLRACE_TARGET_BEGIN("avx2,bmi,bmi2,lzcnt,popcnt,pclmul")

namespace millrace {
namespace {
namespace avx2 {

struct Masks {
  uint64_t backslash, quote, delimiter, structural, control;
};

struct HighSeen {
  __m256i bytes;
  bool any() const { return _mm256_movemask_epi8(bytes) != 0; }
};

struct TokenMasks {
  uint64_t quote, colon, comma, newline, openObject, closeObject, openArray, closeArray, letter;
};

struct Pair {
  __m256i low, high;
};

inline Pair loadPair(const uint8_t* from) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32))};
}

inline uint64_t toMask(__m256i low, __m256i high) {
  return uint64_t(uint32_t(_mm256_movemask_epi8(low))) | (uint64_t(uint32_t(_mm256_movemask_epi8(high))) << 32);
}

inline uint64_t equals(Pair pair, char byte) {
  const __m256i wanted = _mm256_set1_epi8(byte);
  return toMask(_mm256_cmpeq_epi8(pair.low, wanted), _mm256_cmpeq_epi8(pair.high, wanted));
}

inline __m256i isAtMost(__m256i bytes, uint8_t limit) {
  const __m256i most = _mm256_set1_epi8(char(limit));
  return _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, most), most);
}

inline uint64_t isIn(Pair pair, uint8_t first, uint8_t last) {
  const __m256i from = _mm256_set1_epi8(char(first));
  const uint8_t width = uint8_t(last - first);
  return toMask(isAtMost(_mm256_sub_epi8(pair.low, from), width), isAtMost(_mm256_sub_epi8(pair.high, from), width));
}

/** Sixteen bytes, twice. */
inline __m256i twice(char a, char b, char c, char d, char e, char f, char g, char h, char i, char j, char k, char l, char m, char n,
                     char o, char p) {
  return _mm256_setr_epi8(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
}

/**
 * Where a table of 16, looked up by a byte's lower half, gives the byte itself (as simdjson does): one look for what would take as many
 * comparisons as there are characters. Bytes beyond ASCII find a zero, and are not it.
 */
inline Pair isListed(Pair pair, __m256i table) {
  return {_mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, pair.low), pair.low),
          _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, pair.high), pair.high)};
}

inline uint64_t eitherMask(Pair one, Pair other) {
  return toMask(_mm256_or_si256(one.low, other.low), _mm256_or_si256(one.high, other.high));
}

inline void classify(const uint8_t* block, Masks& masks, HighSeen& high) {
  const Pair pair = loadPair(block);
  masks.backslash = equals(pair, '\\');
  masks.quote = equals(pair, '"');
  // Bit 5 is all that tells [ from { and ] from }. Two control characters are taken for : and , so: nothing accepts such a token.
  const __m256i bit = _mm256_set1_epi8(0x20);
  const Pair curled = {_mm256_or_si256(pair.low, bit), _mm256_or_si256(pair.high, bit)};
  const Pair structural = isListed(curled, twice(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
  const Pair space = isListed(pair, twice(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0));
  const __m256i newline = _mm256_set1_epi8('\n');
  masks.structural =
      eitherMask(structural, {_mm256_cmpeq_epi8(pair.low, newline), _mm256_cmpeq_epi8(pair.high, newline)});
  masks.delimiter = eitherMask(structural, space);
  const __m256i control = _mm256_set1_epi8(0x1f);
  masks.control = toMask(_mm256_cmpeq_epi8(_mm256_min_epu8(pair.low, control), pair.low),
                         _mm256_cmpeq_epi8(_mm256_min_epu8(pair.high, control), pair.high));
  high.bytes = _mm256_or_si256(high.bytes, _mm256_or_si256(pair.low, pair.high));
}

inline void classifyEscapes(const uint8_t* block, uint64_t& escapable, uint64_t& hex, uint64_t& u) {
  const Pair pair = loadPair(block);
  u = equals(pair, 'u');
  escapable = u | equals(pair, '"') | equals(pair, '\\') | equals(pair, '/') | equals(pair, 'b') | equals(pair, 'f') |
              equals(pair, 'n') | equals(pair, 'r') | equals(pair, 't');
  hex = isIn(pair, '0', '9') | isIn(pair, 'a', 'f') | isIn(pair, 'A', 'F');
}

inline void classifyTokens(const uint8_t* tokens, TokenMasks& masks) {
  const Pair pair = loadPair(tokens);
  masks.quote = equals(pair, '"');
  masks.colon = equals(pair, ':');
  masks.comma = equals(pair, ',');
  masks.newline = equals(pair, '\n');
  masks.openObject = equals(pair, '{');
  masks.closeObject = equals(pair, '}');
  masks.openArray = equals(pair, '[');
  masks.closeArray = equals(pair, ']');
  // Bit 6, moved to where movemask looks.
  masks.letter = toMask(_mm256_slli_epi16(pair.low, 1), _mm256_slli_epi16(pair.high, 1));
}

inline uint64_t equalsByte(const uint8_t* bytes, uint8_t byte) { return equals(loadPair(bytes), char(byte)); }

inline uint64_t differ(const uint8_t* bytes, const uint8_t* others) {
  const Pair one = loadPair(bytes);
  const Pair other = loadPair(others);
  return ~toMask(_mm256_cmpeq_epi8(one.low, other.low), _mm256_cmpeq_epi8(one.high, other.high));
}

inline uint64_t bracketsOf(const uint8_t* tokens) {
  const Pair pair = loadPair(tokens);
  const __m256i bits = _mm256_set1_epi8(char(BRACKET_BITS));
  return equals({_mm256_and_si256(pair.low, bits), _mm256_and_si256(pair.high, bits)}, BRACKET);
}

inline uint64_t equalsLower(const uint8_t* bytes, uint8_t byte) {
  const Pair pair = loadPair(bytes);
  const __m256i bit = _mm256_set1_epi8(0x20);
  return equals({_mm256_or_si256(pair.low, bit), _mm256_or_si256(pair.high, bit)}, char(byte));
}

/** For each number of ones among eight: how the places of the next eight move up behind them. */
struct alignas(64) JoinTable {
  uint8_t of[9][16];
};
constexpr JoinTable makeJoins() {
  JoinTable table = {};
  for (int count = 0; count <= 8; count++) {
    for (int i = 0; i < 16; i++) table.of[count][i] = uint8_t(i < count ? i : (8 + i - count) & 15);
  }
  return table;
}
constexpr JoinTable JOINS = makeJoins();

/**
 * Sixteen bytes at a time are moved together, however many of them are tokens: how many there are cannot be foreseen, and what is too much is
 * overwritten by what comes next.
 */
inline uint32_t takeTokens(const uint8_t* block, uint64_t which, uint32_t blockAt, ScanState& state, uint32_t tokenCount) {
  const uint32_t count = uint32_t(_mm_popcnt_u64(which));
  uint8_t* toBytes = state.tokenBytes + tokenCount;
  uint8_t* toNext = state.tokenNext + tokenCount;
  uint16_t* toAt = state.tokenAt + tokenCount;
  const __m128i behind = _mm_set_epi64x(0x0808080808080808, 0);
  __m256i base = _mm256_set1_epi16(short(blockAt));
#pragma GCC unroll 4
  for (uint32_t at = 0; at < 64; at += 16, which >>= 16) {
    const uint32_t first = uint32_t(which & 255);
    const __m128i halves =
        _mm_castpd_si128(_mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(&PLACES.of[first]))),
                                      reinterpret_cast<const double*>(&PLACES.of[which >> 8 & 255])));
    const __m128i join = _mm_load_si128(reinterpret_cast<const __m128i*>(JOINS.of[_mm_popcnt_u32(first)]));
    const __m128i places = _mm_shuffle_epi8(_mm_or_si128(halves, behind), join);
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + at));
    const __m128i next = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + at + 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(toBytes), _mm_shuffle_epi8(bytes, places));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(toNext), _mm_shuffle_epi8(next, places));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(toAt), _mm256_add_epi16(_mm256_cvtepu8_epi16(places), base));
    base = _mm256_add_epi16(base, _mm256_set1_epi16(16));
    const uint32_t taken = uint32_t(_mm_popcnt_u32(uint32_t(which & 0xffff)));
    toBytes += taken;
    toNext += taken;
    toAt += taken;
  }
  return count;
}

inline uint64_t prefixXor(uint64_t bits) {
  const __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, int64_t(bits)), _mm_set1_epi8(char(0xff)), 0);
  return uint64_t(_mm_cvtsi128_si64(product));
}

inline uint32_t equalBits(__m128i bytes, char byte) {
  return uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte))));
}

/** 16 bytes; those past the window are not read, and as zeros they are in no number. */
inline __m128i loadNumber(const uint8_t* at, const uint8_t* end) {
  uint8_t copy[16] = {};
  const uint8_t* from = at;
  if (end - at < 16) {
    std::memcpy(copy, at, size_t(end - at));
    from = copy;
  }
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

inline uint32_t digitBits(__m128i bytes) {
  const __m128i digits = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const __m128i nine = _mm_set1_epi8(9);
  return uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(digits, nine), nine)));
}

inline bool isPlainInteger(const uint8_t* at, const uint8_t* end) {
  return isDigitsOnly(at, end, digitBits(loadNumber(at, end)), 16);
}

inline bool isPlainNumber(const uint8_t* at, const uint8_t* end) {
  const __m128i bytes = loadNumber(at, end);
  const NumberMasks is = {
      digitBits(bytes),
      equalBits(bytes, '.'),
      equalBits(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'e'),
      equalBits(bytes, '-'),
      equalBits(bytes, '+'),
  };
  return isShortNumber(at, end, is, 16);
}

#include "scan-prefix.h"

inline bool hasBackslash(const uint8_t* start, const uint8_t* end) {
  const __m256i backslash = _mm256_set1_epi8('\\');
  for (; end - start >= 32; start += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(start));
    if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, backslash)) != 0) return true;
  }
  for (; start < end; start++) {
    if (*start == '\\') return true;
  }
  return false;
}

#include "scan-window.h"

#include "cut-window.h"

typedef uint32_t Words8 __attribute__((vector_size(32)));

inline Words8 gatherWords(const uint32_t (*blocks)[16], uint32_t word) {
  const __m256i rows = _mm256_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112);
  return Words8(_mm256_i32gather_epi32(reinterpret_cast<const int*>(&blocks[0][word]), rows, 4));
}

/** Four words of eight messages, one after the other; gathering them one by one takes several times as long. */
inline void loadWords(const uint32_t (*blocks)[16], uint32_t word, Words8 (&words)[4]) {
  __m256i rows[4];
  for (int i = 0; i < 4; i++) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&blocks[i][word]));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&blocks[i + 4][word]));
    rows[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  const __m256i a = _mm256_unpacklo_epi32(rows[0], rows[1]);
  const __m256i b = _mm256_unpackhi_epi32(rows[0], rows[1]);
  const __m256i c = _mm256_unpacklo_epi32(rows[2], rows[3]);
  const __m256i d = _mm256_unpackhi_epi32(rows[2], rows[3]);
  words[0] = Words8(_mm256_unpacklo_epi64(a, c));
  words[1] = Words8(_mm256_unpackhi_epi64(a, c));
  words[2] = Words8(_mm256_unpacklo_epi64(b, d));
  words[3] = Words8(_mm256_unpackhi_epi64(b, d));
}

/**
 * All in one go: on some machines each instruction of a step waits two cycles for the one before it, which only other messages can fill.
 * @param WORDS Of each message: 4, 8 or 16.
 */
template <int WORDS>
void hashWords(const uint32_t (*blocks)[16], uint32_t (*digests)[GROUP_RECORDS]) {
  typedef Md5Pair<Md5Pair<Words8>> Word;
  static_assert(sizeof(Word) == GROUP_RECORDS * 4);
  constexpr uint32_t LANES = 8;
  Word words[16];
  for (uint32_t word = 0; word < WORDS; word += 4) {
    Words8 rows[4][4];
    for (uint32_t i = 0; i < 4; i++) loadWords(blocks + i * LANES, word, rows[i]);
    for (uint32_t i = 0; i < 4; i++) words[word + i] = Word{{rows[0][i], rows[1][i]}, {rows[2][i], rows[3][i]}};
  }
  if (WORDS < 16) {
    words[14] = Word{{gatherWords(blocks, 14), gatherWords(blocks + LANES, 14)},
                     {gatherWords(blocks + 2 * LANES, 14), gatherWords(blocks + 3 * LANES, 14)}};
  }
  Word state[4];
  for (int i = 0; i < 4; i++) {
    const Words8 start = Words8{} + MD5_START[i];
    state[i] = Word{{start, start}, {start, start}};
  }
  md5Block<WORDS>(state, words);
  for (int i = 0; i < 4; i++) std::memcpy(digests[i], &state[i], sizeof(Word));
}

/** Keys are short, mostly: words that are zero in all messages are not added. */
void hashGroup(const uint32_t (*blocks)[16], uint32_t, uint32_t wordCount, uint32_t (*digests)[GROUP_RECORDS]) {
  if (wordCount <= 4) return hashWords<4>(blocks, digests);
  if (wordCount <= 8) return hashWords<8>(blocks, digests);
  hashWords<16>(blocks, digests);
}

}  // namespace avx2
}  // namespace
}  // namespace millrace

MILLRACE_TARGET_END

namespace millrace {
const ScanKernels* scanKernelsAvx2() {
  static constexpr ScanKernels KERNELS = {"avx2", avx2::scanWindow<avx2::KeyWalk>, avx2::scanWindow<avx2::ShapeWalk>, avx2::hashGroup,
                                          avx2::cutValues};
  const bool isThere = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                       __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
  return isThere ? &KERNELS : nullptr;
}
}  // namespace millrace

#else
namespace millrace {
const ScanKernels* scanKernelsAvx2() { return nullptr; }
}  // namespace millrace
#endif
