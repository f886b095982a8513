// Codec: the native byte work of a publisher, one file per function. src/publish/codec-native.ts is its only caller and
// describes every argument; src/publish/codec-portable.ts gives the same results in JavaScript.
#pragma once

#include "addon.h"

namespace millrace {

napi_value drain(napi_env env, napi_callback_info info);
napi_value encodeEntries(napi_env env, napi_callback_info info);
napi_value encodeAggregated(napi_env env, napi_callback_info info);
napi_value sumAggregates(napi_env env, napi_callback_info info);
napi_value readPutResult(napi_env env, napi_callback_info info);
napi_value acknowledge(napi_env env, napi_callback_info info);
napi_value acknowledgeEntries(napi_env env, napi_callback_info info);
napi_value selectFrames(napi_env env, napi_callback_info info);

inline void exportCodec(napi_env env, napi_value exports) {
  exportFunction(env, exports, "drain", drain);
  exportFunction(env, exports, "encodeEntries", encodeEntries);
  exportFunction(env, exports, "encodeAggregated", encodeAggregated);
  exportFunction(env, exports, "sumAggregates", sumAggregates);
  exportFunction(env, exports, "readPutResult", readPutResult);
  exportFunction(env, exports, "acknowledge", acknowledge);
  exportFunction(env, exports, "acknowledgeEntries", acknowledgeEntries);
  exportFunction(env, exports, "selectFrames", selectFrames);
}

}  // namespace millrace
