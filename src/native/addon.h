// What the native files share: Node-API, and the registration of functions. The addon trusts its caller to mean what it says, and
// never its sizes: what would reach outside of an array is refused (args.h). It never prints, never throws a C++ exception, never
// aborts, and keeps no state between calls but per-thread scratch memory and the decoders that JavaScript holds handles of (inflate.cc, unzstd.cc).
#pragma once

#include <node_api.h>

namespace millrace {

/** Sets `exports[name]` to a function. */
inline void exportFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace millrace
