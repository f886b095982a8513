// SHA-256 of up to sixteen texts side by side, for JavaScript: a text in each lane of the widest vectors, which takes 0.6 of the time of two at a
// time by the SHA instructions (bench/bytes.ts). What the longest texts have left, when few are still under way, is done by the preferred kernel.
// src/aws/body-hash.ts is the only caller, and takes pairs where this processor has no such vectors.
#include "addon.h"
#include "args.h"
#include "sha256.h"

namespace millrace {
namespace {

constexpr size_t TEXTS_MAX = 16;
/** With fewer texts, empty lanes cost what wide vectors save. */
constexpr size_t WIDE_TEXTS_MIN = 10;

/** The texts that have whole blocks left. */
struct Open {
  Sha256Text texts[TEXTS_MAX];
  size_t blocksLeft[TEXTS_MAX];
  size_t count = 0;

  void add(Sha256State* state, const View<uint8_t>& text) {
    texts[count] = {state, text.data};
    blocksLeft[count] = text.length / SHA256_BLOCK_BYTES;
    if (blocksLeft[count] > 0) count++;
  }

  /** Takes of the first `used` texts as many blocks as the shortest of them has left, and drops those that are done. */
  void advance(const Sha256Kernel& kernel, size_t used) {
    size_t blocks = blocksLeft[0];
    for (size_t i = 1; i < used; i++)
      if (blocksLeft[i] < blocks) blocks = blocksLeft[i];
    kernel.addBlocks(texts, used, blocks);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
      Sha256Text text = texts[i];
      size_t left = blocksLeft[i];
      if (i < used) {
        text.bytes += blocks * SHA256_BLOCK_BYTES;
        left -= blocks;
      }
      if (left == 0) continue;
      texts[kept] = text;
      blocksLeft[kept++] = left;
    }
    count = kept;
  }
};

void hashMany(const Sha256Kernel& wide, const View<uint8_t>* texts, size_t count, uint8_t* out) {
  Sha256State states[TEXTS_MAX];
  Open open;
  for (size_t i = 0; i < count; i++) {
    states[i] = SHA256_EMPTY;
    open.add(&states[i], texts[i]);
  }
  while (open.count >= WIDE_TEXTS_MIN) open.advance(wide, open.count);
  const Sha256Kernel& other = sha256Kernel();
  while (open.count > 0) open.advance(other, other.hasInstructions && open.count > 2 ? 2 : open.count);
  for (size_t i = 0; i < count; i++)
    finishSha256(other, states[i], texts[i].data, texts[i].length, texts[i].length / SHA256_BLOCK_BYTES, out + i * SHA256_DIGEST_BYTES);
}

/** @param list An array of texts. */
napi_value hashList(napi_env env, const Sha256Kernel& wide, napi_value list, napi_value digests) {
  uint32_t count = 0;
  if (napi_get_array_length(env, list, &count) != napi_ok || count > TEXTS_MAX)
    return refuse(env, "Cannot hash texts: there are more than sixteen");
  const View<uint8_t> out = viewOf<uint8_t>(env, digests);
  if (out.length < count * SHA256_DIGEST_BYTES) return refuse(env, "Cannot hash texts: there is no room for all digests");
  View<uint8_t> texts[TEXTS_MAX];
  for (uint32_t i = 0; i < count; i++) {
    napi_value text;
    napi_get_element(env, list, i, &text);
    texts[i] = viewOf<uint8_t>(env, text);
  }
  hashMany(wide, texts, count, out.data);
  return nullptr;
}

/** sha256Many(texts, out): all digests into `out`, 32 bytes each. */
napi_value sha256Many(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  return hashList(env, *sha256Avx512(), args[0], args[1]);
}

/** sha256ManyBy(kernel, texts, out): the same with one kernel of the list (sha256-pair.cc) in place of the widest. Tests try them all. */
napi_value sha256ManyBy(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const Sha256Kernel* kernels[SHA256_KERNELS_MAX];
  const uint32_t count = listSha256(kernels);
  const uint32_t wanted = u32Of(env, args[0]);
  if (wanted >= count) return refuse(env, "Cannot hash texts: there is no such kernel");
  return hashList(env, *kernels[wanted], args[1], args[2]);
}

}  // namespace

void registerSha256Many(napi_env env, napi_value exports) {
  exportFunction(env, exports, "sha256ManyBy", sha256ManyBy);
  if (sha256Avx512() != nullptr) exportFunction(env, exports, "sha256Many", sha256Many);
}

}  // namespace millrace
