// SHA-256 (FIPS 180-4), block by block, by what this processor has: its own SHA instructions, or several texts side by side in vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace {

constexpr size_t SHA256_BLOCK_BYTES = 64;
constexpr size_t SHA256_DIGEST_BYTES = 32;
/** Of a text's length, at the end of its last block. */
constexpr size_t SHA256_LENGTH_BYTES = 8;

inline constexpr uint32_t SHA256_START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
alignas(64) inline constexpr uint32_t SHA256_ROUNDS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/** A state between blocks: words A to H. */
struct Sha256State {
  uint32_t words[8];
};
inline constexpr Sha256State SHA256_EMPTY = {
    {SHA256_START[0], SHA256_START[1], SHA256_START[2], SHA256_START[3], SHA256_START[4], SHA256_START[5], SHA256_START[6], SHA256_START[7]}};

/** A text, or a part of one. */
struct Sha256Text {
  Sha256State* state;
  const uint8_t* bytes;
};

struct Sha256Kernel {
  const char* name;
  /** Whether the processor's own instructions do it: then two texts are better than one, and more than two no better than two. */
  bool hasInstructions;
  /** Takes `blocks` blocks of each of `count` texts. */
  void (*addBlocks)(const Sha256Text* texts, size_t count, size_t blocks);
};

/** In plain C++, one text after the other. */
extern const Sha256Kernel SHA256_PLAIN;
/** Four texts side by side in vectors that every machine has. */
extern const Sha256Kernel SHA256_LANES4;
/** These three are null where the machine or the compiler lacks the instructions. */
const Sha256Kernel* sha256Avx2();
const Sha256Kernel* sha256Avx512();
/** x86's SHA extensions, or ARM's. */
const Sha256Kernel* sha256Instructions();

constexpr uint32_t SHA256_KERNELS_MAX = 5;
/** All kernels of this machine, the preferred one last. */
uint32_t listSha256(const Sha256Kernel** list);
/** The preferred one. */
const Sha256Kernel& sha256Kernel();

inline void storeSha256(const Sha256State& state, uint8_t* out) {
  for (int i = 0; i < 8; i++) {
    const uint32_t word = __builtin_bswap32(state.words[i]);
    std::memcpy(out + 4 * i, &word, 4);
  }
}

/**
 * Puts what is left of a text, less than a block, and its padding into `out`, which has room for two blocks.
 * @param bytes Of the whole text. @returns Blocks: one or two.
 */
inline size_t padSha256(const uint8_t* rest, size_t restBytes, uint64_t bytes, uint8_t* out) {
  const size_t blocks = restBytes + 1 + SHA256_LENGTH_BYTES > SHA256_BLOCK_BYTES ? 2 : 1;
  std::memset(out, 0, blocks * SHA256_BLOCK_BYTES);
  if (restBytes > 0) std::memcpy(out, rest, restBytes);
  out[restBytes] = 0x80;
  const uint64_t bits = __builtin_bswap64(bytes * 8);
  std::memcpy(out + blocks * SHA256_BLOCK_BYTES - SHA256_LENGTH_BYTES, &bits, sizeof bits);
  return blocks;
}

/** Takes what is left of a text from its block `block` on, its padding, and writes the digest. */
inline void finishSha256(const Sha256Kernel& kernel, Sha256State state, const uint8_t* text, size_t bytes, size_t block, uint8_t* out) {
  const size_t whole = bytes / SHA256_BLOCK_BYTES;
  const size_t done = whole * SHA256_BLOCK_BYTES;
  const Sha256Text rest = {&state, text + block * SHA256_BLOCK_BYTES};
  kernel.addBlocks(&rest, 1, whole - block);
  uint8_t tail[2 * SHA256_BLOCK_BYTES];
  const Sha256Text padding = {&state, tail};
  kernel.addBlocks(&padding, 1, padSha256(text + done, bytes - done, bytes, tail));
  storeSha256(state, out);
}

}  // namespace millrace
