// File lock: flock(2), which the kernel gives back when the last descriptor of the opened file is gone, however its process ended.
// src/native/file-lock.ts is the only caller.
#include "addon.h"
#include "args.h"

#include <cerrno>
#include <sys/file.h>

namespace millrace {
namespace {

/** flock(descriptor, isShared): 0, or the system's error number. It never waits. */
napi_value lockFile(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int descriptor = static_cast<int>(u32Of(env, args[0]));
  const int kind = u32Of(env, args[1]) != 0 ? LOCK_SH : LOCK_EX;
  int result;
  do {
    result = flock(descriptor, kind | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  return numberOf(env, result == 0 ? 0 : errno);
}

}  // namespace

void registerFileLock(napi_env env, napi_value exports) { exportFunction(env, exports, "flock", lockFile); }

}  // namespace millrace
