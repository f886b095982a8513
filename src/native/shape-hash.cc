// Shape hash: see shape-hash.h.
#include "shape-hash.h"

namespace millrace {
namespace {

struct HexTable {
  uint8_t pairs[256][2];
};
constexpr HexTable makeHex() {
  HexTable table = {};
  for (int byte = 0; byte < 256; byte++) {
    table.pairs[byte][0] = uint8_t("0123456789abcdef"[byte >> 4]);
    table.pairs[byte][1] = uint8_t("0123456789abcdef"[byte & 15]);
  }
  return table;
}
constexpr HexTable HEX = makeHex();

void writeDigest(const Sha256State& state, uint8_t* out) {
  *out++ = '"';
  for (int i = 0; i < 8; i++) {
    for (int shift = 24; shift >= 0; shift -= 8, out += 2) std::memcpy(out, HEX.pairs[(state.words[i] >> shift) & 255], 2);
  }
  *out = '"';
}

void addBlock(const Sha256Kernel& kernel, Sha256State& state, const uint8_t* block) {
  const Sha256Text text = {&state, block};
  kernel.addBlocks(&text, 1, 1);
}

/** The block that the outer hash takes: a digest and its padding. */
void writeOuter(const Sha256State& inner, uint8_t* block) {
  constexpr uint64_t BITS = (SHA256_BLOCK_BYTES + SHA256_DIGEST_BYTES) * 8;
  static_assert(BITS >> 16 == 0);
  storeSha256(inner, block);
  std::memset(block + SHA256_DIGEST_BYTES, 0, SHA256_BLOCK_BYTES - SHA256_DIGEST_BYTES);
  block[SHA256_DIGEST_BYTES] = 0x80;
  block[SHA256_BLOCK_BYTES - 2] = uint8_t(BITS >> 8);
  block[SHA256_BLOCK_BYTES - 1] = uint8_t(BITS & 255);
}

}  // namespace

void prepareHmac(HmacKey& key, const uint8_t* bytes, size_t length) {
  const Sha256Kernel& kernel = sha256Kernel();
  uint8_t padded[SHA256_BLOCK_BYTES] = {};
  if (length <= SHA256_BLOCK_BYTES) {
    if (length > 0) std::memcpy(padded, bytes, length);
  } else {
    Sha256State state = SHA256_EMPTY;
    const size_t whole = length / SHA256_BLOCK_BYTES;
    const Sha256Text text = {&state, bytes};
    kernel.addBlocks(&text, 1, whole);
    const size_t done = whole * SHA256_BLOCK_BYTES;
    uint8_t tail[2 * SHA256_BLOCK_BYTES];
    const Sha256Text rest = {&state, tail};
    kernel.addBlocks(&rest, 1, padSha256(bytes + done, length - done, length, tail));
    storeSha256(state, padded);
  }
  uint8_t pad[SHA256_BLOCK_BYTES];
  for (size_t i = 0; i < sizeof pad; i++) pad[i] = padded[i] ^ 0x36;
  key.inner = SHA256_EMPTY;
  addBlock(kernel, key.inner, pad);
  for (size_t i = 0; i < sizeof pad; i++) pad[i] = padded[i] ^ 0x5c;
  key.outer = SHA256_EMPTY;
  addBlock(kernel, key.outer, pad);
}

void Hmac::add(const uint8_t* bytes, size_t length) {
  while (length > 0) {
    const size_t at = bytes_ % SHA256_BLOCK_BYTES;
    const size_t part = length < SHA256_BLOCK_BYTES - at ? length : SHA256_BLOCK_BYTES - at;
    std::memcpy(block_ + at, bytes, part);
    bytes_ += part;
    bytes += part;
    length -= part;
    if (bytes_ % SHA256_BLOCK_BYTES == 0) addBlock(kernel_, state_, block_);
  }
}

void Hmac::writeText(uint8_t* out) {
  uint8_t tail[2 * SHA256_BLOCK_BYTES];
  const Sha256Text rest = {&state_, tail};
  kernel_.addBlocks(&rest, 1, padSha256(block_, bytes_ % SHA256_BLOCK_BYTES, bytes_, tail));
  Sha256State outer = key_.outer;
  writeOuter(state_, tail);
  addBlock(kernel_, outer, tail);
  writeDigest(outer, out);
}

void HashJobs::run(const HmacKey& key) {
  if (count == 0) return;
  alignas(64) uint8_t blocks[HASH_JOBS_MAX][2 * SHA256_BLOCK_BYTES];
  Sha256State states[HASH_JOBS_MAX];
  Sha256Text texts[HASH_JOBS_MAX], longer[HASH_JOBS_MAX];
  uint32_t longerCount = 0;
  for (uint32_t i = 0; i < count; i++) {
    states[i] = key.inner;
    texts[i] = {&states[i], blocks[i]};
    const size_t blockCount = padSha256(jobs[i].bytes, jobs[i].length, SHA256_BLOCK_BYTES + jobs[i].length, blocks[i]);
    if (blockCount == 2) longer[longerCount++] = {&states[i], blocks[i] + SHA256_BLOCK_BYTES};
  }
  kernel->addBlocks(texts, count, 1);
  kernel->addBlocks(longer, longerCount, 1);
  for (uint32_t i = 0; i < count; i++) {
    writeOuter(states[i], blocks[i]);
    states[i] = key.outer;
  }
  kernel->addBlocks(texts, count, 1);
  for (uint32_t i = 0; i < count; i++) writeDigest(states[i], jobs[i].out);
  count = 0;
}

}  // namespace millrace
