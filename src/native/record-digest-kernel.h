// The digest's inner loops, compiled once per kind of processor: record-digest.cc includes this file several times, each time with
// MILLRACE_KERNEL (a namespace), MILLRACE_SIMD (one of its numbers) and MILLRACE_WIDTH (records side by side) defined. See record-digest.h
// for what is computed. No include guard, on purpose.
namespace millrace {
namespace MILLRACE_KERNEL {

typedef uint64_t Lanes __attribute__((vector_size(8 * MILLRACE_WIDTH)));

#if MILLRACE_SIMD == MILLRACE_SIMD_AVX2

struct Sums {
  __m256i a, b;
  // Written out, because an implicit constructor is not compiled for this namespace's instruction set.
  Sums() : a(_mm256_setzero_si256()), b(_mm256_setzero_si256()) {}
  void stripe(__m256i message, const uint8_t* key) {
    const __m256i x = _mm256_add_epi32(message, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(key)));
    const __m256i y =
        _mm256_add_epi32(message, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(key + RECORD_DIGEST_STRIPE_BYTES)));
    a = _mm256_add_epi64(a, _mm256_mul_epu32(x, _mm256_srli_epi64(x, 32)));
    b = _mm256_add_epi64(b, _mm256_mul_epu32(y, _mm256_srli_epi64(y, 32)));
  }
  void stripe(const uint8_t* message, const uint8_t* key) {
    stripe(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(message)), key);
  }
  void tail(const uint8_t* message, size_t bytes, const uint8_t* key) {
    if (mayReadStripe(message)) {
      const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(TAIL_MASK + RECORD_DIGEST_STRIPE_BYTES - bytes));
      stripe(_mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(message)), mask), key);
      return;
    }
    alignas(32) uint8_t padded[RECORD_DIGEST_STRIPE_BYTES] = {};
    std::memcpy(padded, message, bytes);
    stripe(padded, key);
  }
  static uint64_t total(__m256i sums) {
    const __m128i pair = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return uint64_t(_mm_cvtsi128_si64(pair)) + uint64_t(_mm_cvtsi128_si64(_mm_unpackhi_epi64(pair, pair)));
  }
};

#else

struct Sums {
#if MILLRACE_SIMD == MILLRACE_SIMD_SSE2
  __m128i a = _mm_setzero_si128();
  __m128i b = _mm_setzero_si128();
  static __m128i product(__m128i message, const uint8_t* key) {
    const __m128i x = _mm_add_epi32(message, _mm_loadu_si128(reinterpret_cast<const __m128i*>(key)));
    return _mm_mul_epu32(x, _mm_srli_epi64(x, 32));
  }
  void half(const uint8_t* message, const uint8_t* key) {
    const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(message));
    a = _mm_add_epi64(a, product(words, key));
    b = _mm_add_epi64(b, product(words, key + RECORD_DIGEST_STRIPE_BYTES));
  }
  static uint64_t total(__m128i sums) {
    return uint64_t(_mm_cvtsi128_si64(sums)) + uint64_t(_mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums)));
  }
#elif MILLRACE_SIMD == MILLRACE_SIMD_NEON
  uint64x2_t a = vdupq_n_u64(0);
  uint64x2_t b = vdupq_n_u64(0);
  static uint64x2_t added(uint64x2_t sums, uint32x4_t message, const uint8_t* key) {
    const uint64x2_t x = vreinterpretq_u64_u32(vaddq_u32(message, vreinterpretq_u32_u8(vld1q_u8(key))));
    return vmlal_u32(sums, vmovn_u64(x), vshrn_n_u64(x, 32));
  }
  void half(const uint8_t* message, const uint8_t* key) {
    const uint32x4_t words = vreinterpretq_u32_u8(vld1q_u8(message));
    a = added(a, words, key);
    b = added(b, words, key + RECORD_DIGEST_STRIPE_BYTES);
  }
  static uint64_t total(uint64x2_t sums) { return vgetq_lane_u64(sums, 0) + vgetq_lane_u64(sums, 1); }
#else
  uint64_t a = 0;
  uint64_t b = 0;
  static uint64_t product(const uint8_t* message, const uint8_t* key) {
    uint32_t m[2], k[2];
    std::memcpy(m, message, 8);
    std::memcpy(k, key, 8);
    return uint64_t(uint32_t(m[0] + k[0])) * uint32_t(m[1] + k[1]);
  }
  void half(const uint8_t* message, const uint8_t* key) {
    a += product(message, key) + product(message + 8, key + 8);
    b += product(message, key + RECORD_DIGEST_STRIPE_BYTES) + product(message + 8, key + RECORD_DIGEST_STRIPE_BYTES + 8);
  }
  static uint64_t total(uint64_t sums) { return sums; }
#endif
  void stripe(const uint8_t* message, const uint8_t* key) {
    half(message, key);
    half(message + 16, key + 16);
  }
  void tail(const uint8_t* message, size_t bytes, const uint8_t* key) {
    alignas(32) uint8_t padded[RECORD_DIGEST_STRIPE_BYTES] = {};
    std::memcpy(padded, message, bytes);
    stripe(padded, key);
  }
};

#endif

static inline void addPiece(Sums& sums, const uint8_t* message, size_t bytes, const uint8_t* key) {
  for (; bytes >= RECORD_DIGEST_STRIPE_BYTES; bytes -= RECORD_DIGEST_STRIPE_BYTES) {
    sums.stripe(message, key);
    message += RECORD_DIGEST_STRIPE_BYTES;
    key += RECORD_DIGEST_STRIPE_BYTES;
  }
  if (bytes > 0) sums.tail(message, bytes, key);
}

static void nhBlock(const uint8_t* nhKey, const uint8_t* key, size_t keyBytes, const uint8_t* data, size_t dataBytes,
                    uint64_t* nhA, uint64_t* nhB) {
  Sums sums;
  addPiece(sums, key, keyBytes, nhKey);
  addPiece(sums, data, dataBytes, nhKey + RECORD_DIGEST_BLOCK_BYTES);
  *nhA = Sums::total(sums.a);
  *nhB = Sums::total(sums.b);
}

template <int BITS>
static inline void rotate(Lanes& words) {
  words = (words << BITS) | (words >> (64 - BITS));
}

template <int ROUNDS>
static inline void sipRounds(Lanes& v0, Lanes& v1, Lanes& v2, Lanes& v3) {
  for (int round = 0; round < ROUNDS; round++) {
    v0 += v1; rotate<13>(v1); v1 ^= v0; rotate<32>(v0);
    v2 += v3; rotate<16>(v3); v3 ^= v2;
    v0 += v3; rotate<21>(v3); v3 ^= v0;
    v2 += v1; rotate<17>(v1); v1 ^= v2; rotate<32>(v2);
  }
}

static inline void sipCompress(Lanes& v0, Lanes& v1, Lanes& v2, Lanes& v3, const Lanes& word) {
  v3 ^= word;
  sipRounds<2>(v0, v1, v2, v3);
  v0 ^= word;
}

static inline void finishSome(const uint64_t* sipKey, const RecordDigestMessages* messages, size_t first, Hash128* hashes) {
  const Lanes zero = {};
  Lanes v0 = zero + (sipKey[0] ^ 0x736f6d6570736575ull);
  Lanes v1 = zero + (sipKey[1] ^ 0x646f72616e646f6dull ^ 0xee);
  Lanes v2 = zero + (sipKey[0] ^ 0x6c7967656e657261ull);
  Lanes v3 = zero + (sipKey[1] ^ 0x7465646279746573ull);
  Lanes word;
  std::memcpy(&word, messages->nhA + first, sizeof word);
  sipCompress(v0, v1, v2, v3, word);
  std::memcpy(&word, messages->nhB + first, sizeof word);
  sipCompress(v0, v1, v2, v3, word);
  std::memcpy(&word, messages->lengths + first, sizeof word);
  sipCompress(v0, v1, v2, v3, word);
  sipCompress(v0, v1, v2, v3, zero + (uint64_t(24) << 56));
  v2 ^= zero + 0xee;
  sipRounds<4>(v0, v1, v2, v3);
  const Lanes a = v0 ^ v1 ^ v2 ^ v3;
  v1 ^= zero + 0xdd;
  sipRounds<4>(v0, v1, v2, v3);
  const Lanes b = v0 ^ v1 ^ v2 ^ v3;
  for (size_t lane = 0; lane < MILLRACE_WIDTH; lane++) hashes[first + lane] = {a[lane], b[lane]};
}

static void finish(const uint64_t* sipKey, const RecordDigestMessages* messages, Hash128* hashes) {
  for (size_t first = 0; first < RECORD_LANES; first += MILLRACE_WIDTH) finishSome(sipKey, messages, first, hashes);
}

static size_t hashFrames(const RecordDigestState* state, const uint8_t* frames, size_t framesBytes, Hash128* hashes,
                         size_t hashesMax, size_t* consumedBytes, uint64_t* payloadBytes) {
  const uint8_t* frame = frames;
  const uint8_t* end = frames + framesBytes;
  size_t count = 0;
  uint64_t payload = 0;
  RecordDigestMessages messages;
  while (frame < end && count < hashesMax) {
    size_t used = 0;
    Hash128 longHashes[RECORD_LANES];
    uint32_t longLanes = 0;
    while (used < RECORD_LANES && frame < end) {
      // A PAD may end the buffer after eight bytes: only a record has a whole header.
      const size_t leftBytes = size_t(end - frame);
      const uint32_t frameBytes = leftBytes < 8 ? 0 : loadU32(frame + FRAME_FRAME_BYTES);
      const bool isRecord = frameBytes >= 8 && frame[FRAME_KIND] == KIND_RECORD;
      if (frameBytes < 8 || frameBytes > leftBytes || (isRecord && !isRecordWhole(frame, end))) [[unlikely]] {
        *consumedBytes = 0;
        return 0;
      }
      if (isRecord) {
        const FrameHeader header = loadHeader(frame);
        const uint8_t* key = frame + FRAME_HEADER_BYTES;
        const uint8_t* data = key + header.keyBytes;
        payload += header.keyBytes + uint64_t(header.dataBytes);
        if (header.keyBytes > RECORD_DIGEST_BLOCK_BYTES || header.dataBytes > RECORD_DIGEST_BLOCK_BYTES) {
          longHashes[used] = recordDigest(state, key, header.keyBytes, data, header.dataBytes);
          longLanes |= 1u << used;
        } else {
          nhBlock(state->nhKey, key, header.keyBytes, data, header.dataBytes, &messages.nhA[used], &messages.nhB[used]);
        }
        messages.lengths[used] = header.keyBytes | (uint64_t(header.dataBytes) << 32);
        used += 1;
      }
      frame += frameBytes;
    }
    for (size_t lane = used; lane < RECORD_LANES; lane++) {
      messages.nhA[lane] = messages.nhB[lane] = messages.lengths[lane] = 0;
    }
    finish(state->sipKey, &messages, hashes + count);
    for (size_t lane = 0; longLanes != 0 && lane < used; lane++) {
      if (longLanes & (1u << lane)) hashes[count + lane] = longHashes[lane];
    }
    count += used;
  }
  *consumedBytes = size_t(frame - frames);
  *payloadBytes = payload;
  return count;
}

static const RecordDigestKernel kernel = {nhBlock, finish, hashFrames};

}  // namespace MILLRACE_KERNEL
}  // namespace millrace
