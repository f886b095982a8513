// Copy: src/native/copy.ts is the only caller, and says why.
#include "addon.h"
#include "args.h"

#include <cstring>

namespace millrace {
namespace {

/** copyBytes(to, at, from): as `to.set(from, at)`. */
napi_value copyBytes(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const View<uint8_t> to = viewOf<uint8_t>(env, args[0]);
  const uint64_t at = countOf(env, args[1]);
  const View<uint8_t> from = viewOf<uint8_t>(env, args[2]);
  if (to.length < from.length || at > to.length - from.length) return refuse(env, "Cannot copy bytes: they do not fit");
  if (from.length > 0) std::memcpy(to.data + at, from.data, from.length);
  return nullptr;
}

}  // namespace

void registerCopy(napi_env env, napi_value exports) {
  exportFunction(env, exports, "copyBytes", copyBytes);
}

}  // namespace millrace
