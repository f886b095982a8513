// SHA-256 of two texts side by side, for JavaScript. The processor's SHA instructions wait for each other within one text; a second one
// fills the gaps, at 1.9 times the speed of one after the other (bench/bytes.ts). src/aws/body-hash.ts is the only caller, and takes
// the platform's hash where this processor has no such instructions.
#include "addon.h"
#include "args.h"
#include "sha256.h"

namespace millrace {
namespace {

/** Takes what is left of a text from its block `block` on, its padding, and writes the digest. */
void finish(const Sha256Kernel& kernel, Sha256State state, View<uint8_t> text, size_t block, uint8_t* out) {
  const size_t whole = text.length / SHA256_BLOCK_BYTES;
  const Sha256Text rest = {&state, text.data + block * SHA256_BLOCK_BYTES};
  kernel.addBlocks(&rest, 1, whole - block);
  uint8_t tail[2 * SHA256_BLOCK_BYTES];
  const size_t done = whole * SHA256_BLOCK_BYTES;
  const Sha256Text padding = {&state, tail};
  kernel.addBlocks(&padding, 1, padSha256(text.data + done, text.length - done, text.length, tail));
  storeSha256(state, out);
}

void hashPair(const Sha256Kernel& kernel, View<uint8_t> first, View<uint8_t> second, uint8_t* out) {
  Sha256State states[2] = {SHA256_EMPTY, SHA256_EMPTY};
  const Sha256Text texts[2] = {{&states[0], first.data}, {&states[1], second.data}};
  const size_t shared = (first.length < second.length ? first.length : second.length) / SHA256_BLOCK_BYTES;
  kernel.addBlocks(texts, 2, shared);
  finish(kernel, states[0], first, shared, out);
  finish(kernel, states[1], second, shared, out + SHA256_DIGEST_BYTES);
}

constexpr const char* NO_ROOM = "Cannot hash two texts: there is no room for both digests";

/** sha256Pair(first, second, out): both digests into the 64 bytes of `out`. */
napi_value sha256Pair(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const View<uint8_t> out = viewOf<uint8_t>(env, args[2]);
  if (out.length < 2 * SHA256_DIGEST_BYTES) return refuse(env, NO_ROOM);
  hashPair(sha256Kernel(), viewOf<uint8_t>(env, args[0]), viewOf<uint8_t>(env, args[1]), out.data);
  return nullptr;
}

/** sha256PairBy(kernel, first, second, out): the same by one kernel of the list. Tests try them all. */
napi_value sha256PairBy(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const View<uint8_t> out = viewOf<uint8_t>(env, args[3]);
  if (out.length < 2 * SHA256_DIGEST_BYTES) return refuse(env, NO_ROOM);
  const Sha256Kernel* kernels[SHA256_KERNELS_MAX];
  const uint32_t count = listSha256(kernels);
  const uint32_t wanted = u32Of(env, args[0]);
  if (wanted >= count) return refuse(env, "Cannot hash two texts: there is no such kernel");
  hashPair(*kernels[wanted], viewOf<uint8_t>(env, args[1]), viewOf<uint8_t>(env, args[2]), out.data);
  return nullptr;
}

/** sha256Kernels(): names of the kernels, the preferred one last. */
napi_value sha256Kernels(napi_env env, napi_callback_info) {
  const Sha256Kernel* kernels[SHA256_KERNELS_MAX];
  return kernelNames(env, kernels, listSha256(kernels));
}

}  // namespace

void registerSha256(napi_env env, napi_value exports) {
  exportFunction(env, exports, "sha256Kernels", sha256Kernels);
  exportFunction(env, exports, "sha256PairBy", sha256PairBy);
  if (sha256Kernel().hasInstructions) exportFunction(env, exports, "sha256Pair", sha256Pair);
}

}  // namespace millrace
