// MD5 of several messages: see md5-many.h. Round constants and rotations are those of RFC 1321.
#include "md5-many.h"

#include <cstring>

namespace millrace {
namespace {

constexpr size_t MD5_LANES_MAX = 32;
/** Ways to do it. */
constexpr size_t MD5_KERNELS_MAX = 7;

#define MD5_ROTATE(x, s) (((x) << (s)) | ((x) >> (32 - (s))))
#define MD5_F(b, c, d) (d ^ (b & (c ^ d)))
#define MD5_G(b, c, d) ((d & b) + (~d & c))
#define MD5_H(b, c, d) (b ^ c ^ d)
#define MD5_I(b, c, d) (c ^ (b | ~d))
#define MD5_STEP(f, a, b, c, d, word, s, k) \
  a += f(b, c, d) + (word) + (k);           \
  a = MD5_ROTATE(a, s) + b;
// A step of one chain, whose state is a1 to d1 and whose block is words1; and of two, which fill each other's waiting.
#define MD5_ONE(f, a, b, c, d, g, s, k) MD5_STEP(f, a##1, b##1, c##1, d##1, words1[g], s, k)
#define MD5_TWO(f, a, b, c, d, g, s, k) \
  MD5_ONE(f, a, b, c, d, g, s, k) MD5_STEP(f, a##2, b##2, c##2, d##2, words2[g], s, k)
#define MD5_ROUNDS(STEP) \
  STEP(MD5_F, a, b, c, d, 0, 7, 0xd76aa478u) STEP(MD5_F, d, a, b, c, 1, 12, 0xe8c7b756u) \
  STEP(MD5_F, c, d, a, b, 2, 17, 0x242070dbu) STEP(MD5_F, b, c, d, a, 3, 22, 0xc1bdceeeu) \
  STEP(MD5_F, a, b, c, d, 4, 7, 0xf57c0fafu) STEP(MD5_F, d, a, b, c, 5, 12, 0x4787c62au) \
  STEP(MD5_F, c, d, a, b, 6, 17, 0xa8304613u) STEP(MD5_F, b, c, d, a, 7, 22, 0xfd469501u) \
  STEP(MD5_F, a, b, c, d, 8, 7, 0x698098d8u) STEP(MD5_F, d, a, b, c, 9, 12, 0x8b44f7afu) \
  STEP(MD5_F, c, d, a, b, 10, 17, 0xffff5bb1u) STEP(MD5_F, b, c, d, a, 11, 22, 0x895cd7beu) \
  STEP(MD5_F, a, b, c, d, 12, 7, 0x6b901122u) STEP(MD5_F, d, a, b, c, 13, 12, 0xfd987193u) \
  STEP(MD5_F, c, d, a, b, 14, 17, 0xa679438eu) STEP(MD5_F, b, c, d, a, 15, 22, 0x49b40821u) \
  STEP(MD5_G, a, b, c, d, 1, 5, 0xf61e2562u) STEP(MD5_G, d, a, b, c, 6, 9, 0xc040b340u) \
  STEP(MD5_G, c, d, a, b, 11, 14, 0x265e5a51u) STEP(MD5_G, b, c, d, a, 0, 20, 0xe9b6c7aau) \
  STEP(MD5_G, a, b, c, d, 5, 5, 0xd62f105du) STEP(MD5_G, d, a, b, c, 10, 9, 0x02441453u) \
  STEP(MD5_G, c, d, a, b, 15, 14, 0xd8a1e681u) STEP(MD5_G, b, c, d, a, 4, 20, 0xe7d3fbc8u) \
  STEP(MD5_G, a, b, c, d, 9, 5, 0x21e1cde6u) STEP(MD5_G, d, a, b, c, 14, 9, 0xc33707d6u) \
  STEP(MD5_G, c, d, a, b, 3, 14, 0xf4d50d87u) STEP(MD5_G, b, c, d, a, 8, 20, 0x455a14edu) \
  STEP(MD5_G, a, b, c, d, 13, 5, 0xa9e3e905u) STEP(MD5_G, d, a, b, c, 2, 9, 0xfcefa3f8u) \
  STEP(MD5_G, c, d, a, b, 7, 14, 0x676f02d9u) STEP(MD5_G, b, c, d, a, 12, 20, 0x8d2a4c8au) \
  STEP(MD5_H, a, b, c, d, 5, 4, 0xfffa3942u) STEP(MD5_H, d, a, b, c, 8, 11, 0x8771f681u) \
  STEP(MD5_H, c, d, a, b, 11, 16, 0x6d9d6122u) STEP(MD5_H, b, c, d, a, 14, 23, 0xfde5380cu) \
  STEP(MD5_H, a, b, c, d, 1, 4, 0xa4beea44u) STEP(MD5_H, d, a, b, c, 4, 11, 0x4bdecfa9u) \
  STEP(MD5_H, c, d, a, b, 7, 16, 0xf6bb4b60u) STEP(MD5_H, b, c, d, a, 10, 23, 0xbebfbc70u) \
  STEP(MD5_H, a, b, c, d, 13, 4, 0x289b7ec6u) STEP(MD5_H, d, a, b, c, 0, 11, 0xeaa127fau) \
  STEP(MD5_H, c, d, a, b, 3, 16, 0xd4ef3085u) STEP(MD5_H, b, c, d, a, 6, 23, 0x04881d05u) \
  STEP(MD5_H, a, b, c, d, 9, 4, 0xd9d4d039u) STEP(MD5_H, d, a, b, c, 12, 11, 0xe6db99e5u) \
  STEP(MD5_H, c, d, a, b, 15, 16, 0x1fa27cf8u) STEP(MD5_H, b, c, d, a, 2, 23, 0xc4ac5665u) \
  STEP(MD5_I, a, b, c, d, 0, 6, 0xf4292244u) STEP(MD5_I, d, a, b, c, 7, 10, 0x432aff97u) \
  STEP(MD5_I, c, d, a, b, 14, 15, 0xab9423a7u) STEP(MD5_I, b, c, d, a, 5, 21, 0xfc93a039u) \
  STEP(MD5_I, a, b, c, d, 12, 6, 0x655b59c3u) STEP(MD5_I, d, a, b, c, 3, 10, 0x8f0ccc92u) \
  STEP(MD5_I, c, d, a, b, 10, 15, 0xffeff47du) STEP(MD5_I, b, c, d, a, 1, 21, 0x85845dd1u) \
  STEP(MD5_I, a, b, c, d, 8, 6, 0x6fa87e4fu) STEP(MD5_I, d, a, b, c, 15, 10, 0xfe2ce6e0u) \
  STEP(MD5_I, c, d, a, b, 6, 15, 0xa3014314u) STEP(MD5_I, b, c, d, a, 13, 21, 0x4e0811a1u) \
  STEP(MD5_I, a, b, c, d, 4, 6, 0xf7537e82u) STEP(MD5_I, d, a, b, c, 11, 10, 0xbd3af235u) \
  STEP(MD5_I, c, d, a, b, 2, 15, 0x2ad7d2bbu) STEP(MD5_I, b, c, d, a, 9, 21, 0xeb86d391u)

#define MD5_LANES 4
#define MD5_NAME lanes4
#define MD5_TARGET
#include "md5-many-lanes.h"
#undef MD5_LANES
#undef MD5_NAME
#undef MD5_TARGET

#if defined(__x86_64__)
#define MD5_LANES 8
#define MD5_NAME lanes8avx2
#define MD5_TARGET __attribute__((target("avx2")))
#include "md5-many-lanes.h"
#undef MD5_NAME
#undef MD5_TARGET
#define MD5_NAME lanes8avx512
#define MD5_TARGET __attribute__((target("avx2,avx512f,avx512vl")))
#include "md5-many-lanes.h"
#undef MD5_LANES
#undef MD5_NAME
#undef MD5_TARGET
#define MD5_LANES 16
#define MD5_NAME lanes16avx512
#define MD5_TARGET __attribute__((target("avx2,avx512f,avx512vl")))
#include "md5-many-lanes.h"
#undef MD5_LANES
#undef MD5_NAME
#undef MD5_TARGET
#endif

/** One message alone, blockCount blocks of 64 bytes. */
void blocksAlone(uint32_t (*state)[MD5_LANES_MAX], size_t lane, const uint8_t* message, size_t blockCount) {
  uint32_t a1 = state[0][lane], b1 = state[1][lane], c1 = state[2][lane], d1 = state[3][lane];
  uint32_t words1[16];
  for (size_t block = 0; block < blockCount; block++) {
    std::memcpy(words1, message + block * 64, 64);
    const uint32_t a0 = a1, b0 = b1, c0 = c1, d0 = d1;
    MD5_ROUNDS(MD5_ONE)
    a1 += a0;
    b1 += b0;
    c1 += c0;
    d1 += d0;
  }
  state[0][lane] = a1;
  state[1][lane] = b1;
  state[2][lane] = c1;
  state[3][lane] = d1;
}

typedef void (*Blocks)(uint32_t (*)[MD5_LANES_MAX], const uint8_t* const*, size_t);
enum class Needs : uint8_t { NOTHING, AVX2, AVX512 };
struct Kernel {
  const char* name;
  Needs needs;
  Blocks run;
  size_t lanes;
};

/** All that this processor can run, the newest instructions first, and of these the most lanes. @returns How many. */
size_t listKernels(Kernel* list) {
  size_t count = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vl")) {
    list[count++] = {"avx512 32", Needs::AVX512, lanes16avx512::blocksTwice, 32};
    list[count++] = {"avx512 16", Needs::AVX512, lanes16avx512::blocks, 16};
    list[count++] = {"avx512vl 8", Needs::AVX512, lanes8avx512::blocks, 8};
  }
  if (__builtin_cpu_supports("avx2")) {
    list[count++] = {"avx2 16", Needs::AVX2, lanes8avx2::blocksTwice, 16};
    list[count++] = {"avx2 8", Needs::AVX2, lanes8avx2::blocks, 8};
  }
#endif
  list[count++] = {"base 8", Needs::NOTHING, lanes4::blocksTwice, 8};
  list[count++] = {"base 4", Needs::NOTHING, lanes4::blocks, 4};
  return count;
}

struct Kernels {
  Kernel list[MD5_KERNELS_MAX];
  size_t count = listKernels(list);
};
const Kernels& kernels() {
  static const Kernels known = {};
  return known;
}

/**
 * Each step waits for the one before it, so that more lanes cost hardly more time, and a second vector of them little more than one; but lanes
 * without a message are wasted: of the newest instructions the fewest lanes that hold all messages, else the most.
 */
const Kernel& chooseKernel(size_t count) {
  const Kernels& known = kernels();
  const Kernel* chosen = &known.list[0];
  for (size_t i = 1; i < known.count && known.list[i].needs == chosen->needs; i++)
    if (known.list[i].lanes >= count) chosen = &known.list[i];
  return *chosen;
}

/** The messages under way, one per vector lane. */
struct Lanes {
  uint32_t state[4][MD5_LANES_MAX];
  const uint8_t* at[MD5_LANES_MAX];
  size_t blocksLeft[MD5_LANES_MAX];
  const Md5Job* job[MD5_LANES_MAX] = {};
  bool isLast[MD5_LANES_MAX];
  uint8_t last[MD5_LANES_MAX][128];

  void start(size_t lane, const Md5Job* next) {
    static const uint32_t initial[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
    for (int row = 0; row < 4; row++) state[row][lane] = initial[row];
    job[lane] = next;
    at[lane] = next->message;
    blocksLeft[lane] = next->bytes / 64;
    isLast[lane] = false;
    if (blocksLeft[lane] == 0) enterLast(lane);
  }

  /** The message's last bytes, the padding and the length are one or two blocks of their own. */
  void enterLast(size_t lane) {
    const size_t bytes = job[lane]->bytes;
    const size_t rest = bytes % 64;
    const size_t blockCount = rest < 56 ? 1 : 2;
    uint8_t* block = last[lane];
    std::memset(block, 0, 128);
    if (rest > 0) std::memcpy(block, job[lane]->message + (bytes - rest), rest);
    block[rest] = 0x80;
    const uint64_t bits = uint64_t(bytes) * 8;
    std::memcpy(block + blockCount * 64 - 8, &bits, 8);
    at[lane] = block;
    blocksLeft[lane] = blockCount;
    isLast[lane] = true;
  }

  /** @returns Whether the lane's message is finished. */
  bool advance(size_t lane, size_t blockCount) {
    at[lane] += blockCount * 64;
    blocksLeft[lane] -= blockCount;
    if (blocksLeft[lane] > 0) return false;
    if (!isLast[lane]) {
      enterLast(lane);
      return false;
    }
    for (int row = 0; row < 4; row++) std::memcpy(job[lane]->digest + row * 4, &state[row][lane], 4);
    job[lane] = nullptr;
    return true;
  }
};

void run(const Kernel& kernel, const Md5Job* jobs, size_t count) {
  Lanes lanes;
  size_t next = 0;
  size_t active = 0;
  for (size_t lane = 0; lane < kernel.lanes && next < count; lane++, active++) lanes.start(lane, &jobs[next++]);
  while (active > 0) {
    size_t some = 0;
    size_t blockCount = SIZE_MAX;
    for (size_t lane = 0; lane < kernel.lanes; lane++) {
      if (lanes.job[lane] == nullptr) continue;
      some = lane;
      if (lanes.blocksLeft[lane] < blockCount) blockCount = lanes.blocksLeft[lane];
    }
    if (active == 1) {
      blocksAlone(lanes.state, some, lanes.at[some], blockCount);
    } else {
      // An idle lane chews on a busy one's message: the kernel has no holes, and nobody reads the result.
      for (size_t lane = 0; lane < kernel.lanes; lane++)
        if (lanes.job[lane] == nullptr) lanes.at[lane] = lanes.at[some];
      kernel.run(lanes.state, lanes.at, blockCount);
    }
    for (size_t lane = 0; lane < kernel.lanes; lane++) {
      if (lanes.job[lane] == nullptr || !lanes.advance(lane, blockCount)) continue;
      if (next < count) lanes.start(lane, &jobs[next++]);
      else active--;
    }
  }
}

}  // namespace

void md5Many(const Md5Job* jobs, size_t count) { run(chooseKernel(count), jobs, count); }

const char* md5ManyBy(size_t kernel, const Md5Job* jobs, size_t count) {
  if (kernel >= kernels().count) return nullptr;
  run(kernels().list[kernel], jobs, count);
  return kernels().list[kernel].name;
}

}  // namespace millrace
