// Memory: what typed arrays do slowly or not at all. src/native/memory.ts is the only caller and checks the arguments.
#include "addon.h"
#include "args.h"

#include <cstring>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace millrace {
namespace {

/** copyBytes(to, at, from): as `to.set(from, at)`. */
napi_value copyBytes(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const View<uint8_t> to = viewOf<uint8_t>(env, args[0]);
  const uint32_t at = u32Of(env, args[1]);
  const View<uint8_t> from = viewOf<uint8_t>(env, args[2]);
  if (from.length > 0 && to.length >= from.length && at <= to.length - from.length)
    std::memcpy(to.data + at, from.data, from.length);
  return nullptr;
}

/** preferLargePages(bytes): asks for large pages wherever a whole one fits. The kernel may decline: nothing depends on it. */
napi_value preferLargePages(napi_env env, napi_callback_info info) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t PAGE_BYTES = 2 * 1024 * 1024;
  Args<1> args(env, info);
  const View<uint8_t> bytes = viewOf<uint8_t>(env, args[0]);
  const uintptr_t start = (reinterpret_cast<uintptr_t>(bytes.data) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(bytes.data) + bytes.length) & ~(PAGE_BYTES - 1);
  if (start < end) madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);
#endif
  return nullptr;
}

}  // namespace

void registerMemory(napi_env env, napi_value exports) {
  exportFunction(env, exports, "copyBytes", copyBytes);
  exportFunction(env, exports, "preferLargePages", preferLargePages);
}

}  // namespace millrace
