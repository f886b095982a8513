// SHA-256 of two texts side by side, for JavaScript. The processor's SHA instructions wait for each other within one text; a second one
// fills the gaps, at 1.9 times the speed of one after the other (bench/bytes.ts). src/aws/body-hash.ts is the only caller, and takes
// the platform's hash where this processor has no such instructions.
#include "addon.h"
#include "args.h"
#include "sha256.h"

namespace millrace {
namespace {

void hashPair(const Sha256Kernel& kernel, View<uint8_t> first, View<uint8_t> second, uint8_t* out) {
  Sha256State states[2] = {SHA256_EMPTY, SHA256_EMPTY};
  const Sha256Text texts[2] = {{&states[0], first.data}, {&states[1], second.data}};
  const size_t shared = (first.length < second.length ? first.length : second.length) / SHA256_BLOCK_BYTES;
  kernel.addBlocks(texts, 2, shared);
  finishSha256(kernel, states[0], first.data, first.length, shared, out);
  finishSha256(kernel, states[1], second.data, second.length, shared, out + SHA256_DIGEST_BYTES);
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
