// The addon's front door: hands every native function of this folder to JavaScript, and holds nothing else.
#include "addon.h"
#include "codec.h"

namespace millrace {
void registerConstants(napi_env env, napi_value exports);     // constants.cc
void registerCopy(napi_env env, napi_value exports);          // copy.cc
void registerCrc(napi_env env, napi_value exports);           // crc.cc
void registerFileLock(napi_env env, napi_value exports);      // file-lock.cc
void registerFilePages(napi_env env, napi_value exports);     // file-pages.cc
void registerMd5By(napi_env env, napi_value exports);         // md5-by.cc
void registerProcessEnd(napi_env env, napi_value exports);    // process-end.cc
void registerCutValues(napi_env env, napi_value exports);     // cut-values.cc
void registerGetRecords(napi_env env, napi_value exports);    // get-records.cc
void registerInflate(napi_env env, napi_value exports);       // inflate.cc
void registerRecordDigest(napi_env env, napi_value exports);  // record-digest.cc
void registerScan(napi_env env, napi_value exports);          // scan.cc
void registerSha256(napi_env env, napi_value exports);        // sha256-pair.cc
void registerSha256Many(napi_env env, napi_value exports);    // sha256-many.cc
void registerUnzstd(napi_env env, napi_value exports);        // unzstd.cc
void registerWatch(napi_env env, napi_value exports);         // watch.cc
napi_value initAddon(napi_env env, napi_value exports) {
  registerConstants(env, exports);
  registerCopy(env, exports);
  registerCrc(env, exports);
  registerFileLock(env, exports);
  registerFilePages(env, exports);
  registerMd5By(env, exports);
  registerProcessEnd(env, exports);
  registerCutValues(env, exports);
  registerGetRecords(env, exports);
  registerInflate(env, exports);
  registerRecordDigest(env, exports);
  registerScan(env, exports);
  registerSha256(env, exports);
  registerSha256Many(env, exports);
  registerUnzstd(env, exports);
  registerWatch(env, exports);
  exportCodec(env, exports);
  return exports;
}
}  // namespace millrace

NAPI_MODULE_INIT() { return millrace::initAddon(env, exports); }
