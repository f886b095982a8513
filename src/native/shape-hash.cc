// Shape hash: see shape-hash.h. SHA-256 as FIPS 180-4 has it, HMAC as RFC 2104.
#include "shape-hash.h"

#include <cstring>

namespace millrace {
namespace {

constexpr uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr uint32_t ROUNDS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

inline uint32_t rotate(uint32_t word, int by) { return (word >> by) | (word << (32 - by)); }

void addBlock(uint32_t* state, const uint8_t* block) {
  uint32_t words[64];
  for (int i = 0; i < 16; i++) {
    words[i] = uint32_t(block[i * 4]) << 24 | uint32_t(block[i * 4 + 1]) << 16 | uint32_t(block[i * 4 + 2]) << 8 | block[i * 4 + 3];
  }
  for (int i = 16; i < 64; i++) {
    const uint32_t s0 = rotate(words[i - 15], 7) ^ rotate(words[i - 15], 18) ^ (words[i - 15] >> 3);
    const uint32_t s1 = rotate(words[i - 2], 17) ^ rotate(words[i - 2], 19) ^ (words[i - 2] >> 10);
    words[i] = words[i - 16] + s0 + words[i - 7] + s1;
  }
  uint32_t v[8];
  std::memcpy(v, state, sizeof v);
  for (int i = 0; i < 64; i++) {
    const uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    const uint32_t one = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + ROUNDS[i] + words[i];
    const uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    const uint32_t two = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    v[7] = v[6];
    v[6] = v[5];
    v[5] = v[4];
    v[4] = v[3] + one;
    v[3] = v[2];
    v[2] = v[1];
    v[1] = v[0];
    v[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

/** Ends a message of `bytes` bytes of which the last ones stand in `block`. */
void finish(uint32_t* state, uint8_t* block, uint64_t bytes) {
  size_t at = bytes % 64;
  block[at++] = 0x80;
  if (at > 56) {
    std::memset(block + at, 0, 64 - at);
    addBlock(state, block);
    at = 0;
  }
  std::memset(block + at, 0, 56 - at);
  for (int i = 0; i < 8; i++) block[56 + i] = uint8_t((bytes * 8) >> (56 - 8 * i));
  addBlock(state, block);
}

void storeDigest(const uint32_t* state, uint8_t* out) {
  for (int i = 0; i < 32; i++) out[i] = uint8_t(state[i / 4] >> (24 - 8 * (i % 4)));
}

}  // namespace

void prepareHmac(HmacKey& key, const uint8_t* bytes, size_t length) {
  uint8_t padded[64] = {};
  if (length <= 64) {
    if (length > 0) std::memcpy(padded, bytes, length);
  } else {
    uint32_t state[8];
    std::memcpy(state, START, sizeof state);
    size_t at = 0;
    for (; at + 64 <= length; at += 64) addBlock(state, bytes + at);
    uint8_t block[64];
    std::memcpy(block, bytes + at, length - at);
    finish(state, block, length);
    storeDigest(state, padded);
  }
  uint8_t pad[64];
  for (int i = 0; i < 64; i++) pad[i] = padded[i] ^ 0x36;
  std::memcpy(key.inner, START, sizeof START);
  addBlock(key.inner, pad);
  for (int i = 0; i < 64; i++) pad[i] = padded[i] ^ 0x5c;
  std::memcpy(key.outer, START, sizeof START);
  addBlock(key.outer, pad);
}

Hmac::Hmac(const HmacKey& key) : key_(key), bytes_(64) { std::memcpy(state_, key.inner, sizeof state_); }

void Hmac::add(const uint8_t* bytes, size_t length) {
  while (length > 0) {
    const size_t at = bytes_ % 64;
    const size_t part = length < 64 - at ? length : 64 - at;
    std::memcpy(block_ + at, bytes, part);
    bytes_ += part;
    bytes += part;
    length -= part;
    if (bytes_ % 64 == 0) addBlock(state_, block_);
  }
}

void Hmac::writeText(uint8_t* out) {
  finish(state_, block_, bytes_);
  uint32_t outer[8];
  std::memcpy(outer, key_.outer, sizeof outer);
  uint8_t block[64];
  storeDigest(state_, block);
  finish(outer, block, 64 + 32);
  uint8_t digest[32];
  storeDigest(outer, digest);
  *out++ = '"';
  for (uint8_t byte : digest) {
    *out++ = uint8_t("0123456789abcdef"[byte >> 4]);
    *out++ = uint8_t("0123456789abcdef"[byte & 15]);
  }
  *out = '"';
}

}  // namespace millrace
