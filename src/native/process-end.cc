// Process end: _exit(2), which waits for no thread. src/native/process-end.ts is the only caller.
#include "addon.h"
#include "args.h"

#include <unistd.h>

namespace millrace {
namespace {

/** endProcess(exitCode) does not come back. */
napi_value endProcess(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  _exit(static_cast<int>(u32Of(env, args[0])));
}

}  // namespace

void registerProcessEnd(napi_env env, napi_value exports) { exportFunction(env, exports, "endProcess", endProcess); }

}  // namespace millrace
