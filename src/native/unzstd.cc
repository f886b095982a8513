// Unzstd: the door of a zstd decoder to JavaScript, the one that Node carries and exports. Its header is not among those that we build with.
// Weak: on a Node that does not export it the addon is loaded all the same, and says that it has none. src/native/unzstd.ts is the only caller.
#include <new>

#include "addon.h"
#include "args.h"
#include "constants.h"

extern "C" {
struct ZstdInput {
  const void* bytes;
  size_t size;
  size_t at;
};
struct ZstdOutput {
  void* bytes;
  size_t size;
  size_t at;
};
__attribute__((weak)) void* ZSTD_createDCtx();
__attribute__((weak)) size_t ZSTD_freeDCtx(void* decoder);
__attribute__((weak)) size_t ZSTD_decompressStream(void* decoder, ZstdOutput* output, ZstdInput* input);
__attribute__((weak)) unsigned ZSTD_isError(size_t result);
__attribute__((weak)) const char* ZSTD_getErrorName(size_t result);
}

namespace millrace {
namespace {

/** What a handle holds: a decoder until it is closed, since its window is memory. */
struct Decoder {
  void* context = nullptr;

  void close() {
    if (context != nullptr) ZSTD_freeDCtx(context);
    context = nullptr;
  }
};

void freeDecoder(napi_env, void* data, void*) {
  static_cast<Decoder*>(data)->close();
  delete static_cast<Decoder*>(data);
}

Decoder* decoderOf(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_get_value_external(env, value, &data);
  return static_cast<Decoder*>(data);
}

bool isThere() {
  return &ZSTD_createDCtx && &ZSTD_freeDCtx && &ZSTD_decompressStream && &ZSTD_isError && &ZSTD_getErrorName;
}

/** openUnzstd(): a decoder of one frame, or undefined without memory or where Node has none for us. */
napi_value openUnzstd(napi_env env, napi_callback_info) {
  if (!isThere()) return nullptr;
  auto* decoder = new (std::nothrow) Decoder();
  if (decoder == nullptr) return nullptr;
  decoder->context = ZSTD_createDCtx();
  napi_value handle = nullptr;
  if (decoder->context == nullptr || napi_create_external(env, decoder, freeDecoder, nullptr, &handle) != napi_ok) {
    freeDecoder(env, decoder, nullptr);
    return nullptr;
  }
  return handle;
}

/** closeUnzstd(handle): gives its memory back at once. */
napi_value closeUnzstd(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Decoder* decoder = decoderOf(env, args[0]);
  if (decoder != nullptr) decoder->close();
  return nullptr;
}

/** stepUnzstd(handle, input, output, row): fills what was consumed and produced. Gives zstd's word for what is wrong where the input is damaged. */
napi_value stepUnzstd(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  Decoder* decoder = decoderOf(env, args[0]);
  const View<uint8_t> input = viewOf<uint8_t>(env, args[1]);
  const View<uint8_t> output = viewOf<uint8_t>(env, args[2]);
  const View<int32_t> row = viewOf<int32_t>(env, args[3]);
  if (decoder == nullptr || decoder->context == nullptr) return refuse(env, "Cannot decompress: this is no open decoder");
  if (row.length < STEP_CELLS) return refuse(env, "Cannot decompress: the row has no room");
  if (input.length > INT32_MAX || output.length > INT32_MAX) return refuse(env, "Cannot decompress: a step is too large");
  ZstdInput from = {input.data, input.length, 0};
  ZstdOutput to = {output.data, output.length, 0};
  const size_t result = ZSTD_decompressStream(decoder->context, &to, &from);
  row.data[STEP_CONSUMED] = int32_t(from.at);
  row.data[STEP_PRODUCED] = int32_t(to.at);
  if (ZSTD_isError(result) == 0) return nullptr;
  napi_value message = nullptr;
  napi_create_string_utf8(env, ZSTD_getErrorName(result), NAPI_AUTO_LENGTH, &message);
  return message;
}

}  // namespace

void registerUnzstd(napi_env env, napi_value exports) {
  exportFunction(env, exports, "openUnzstd", openUnzstd);
  exportFunction(env, exports, "closeUnzstd", closeUnzstd);
  exportFunction(env, exports, "stepUnzstd", stepUnzstd);
}

}  // namespace millrace
