// Inflate: zlib step by step, so that what came out in front of damage is not lost. src/native/inflate.ts is the only caller.
#include "addon.h"
#include "args.h"
#include "constants.h"
#include "zlib-stream.h"

namespace millrace {
namespace {

constexpr int UNUSED_BITS_MASK = 63;

void closeStream(napi_env, void* data, void*) {
  auto* stream = static_cast<ZStream*>(data);
  inflateEnd(stream);
  delete stream;
}

ZStream* streamOf(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_get_value_external(env, value, &data);
  return static_cast<ZStream*>(data);
}

/** openInflate(): a gzip decoder, or undefined without memory. */
napi_value openInflate(napi_env env, napi_callback_info) {
  auto* stream = new ZStream{};
  if (inflateInit2_(stream, GZIP_WINDOW_BITS, zlibVersion(), sizeof(ZStream)) != Z_OK) {
    delete stream;
    return nullptr;
  }
  napi_value handle = nullptr;
  napi_create_external(env, stream, closeStream, nullptr, &handle);
  return handle;
}

/** resetInflate(handle): the next byte begins a member. */
napi_value resetInflate(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  ZStream* stream = streamOf(env, args[0]);
  if (stream == nullptr) return refuse(env, "Cannot inflate: this is no decoder");
  inflateReset(stream);
  return nullptr;
}

/** stepInflate(handle, input, output, row): fills the row. Gives zlib's message where the input is damaged. */
napi_value stepInflate(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  ZStream* stream = streamOf(env, args[0]);
  const View<uint8_t> input = viewOf<uint8_t>(env, args[1]);
  const View<uint8_t> output = viewOf<uint8_t>(env, args[2]);
  const View<int32_t> row = viewOf<int32_t>(env, args[3]);
  if (stream == nullptr) return refuse(env, "Cannot inflate: this is no decoder");
  if (row.length < STEP_CELLS) return refuse(env, "Cannot inflate: the row has no room");
  if (input.length > INT32_MAX || output.length > INT32_MAX) return refuse(env, "Cannot inflate: a step is too large");
  stream->nextIn = input.data;
  stream->availIn = unsigned(input.length);
  stream->nextOut = output.data;
  stream->availOut = unsigned(output.length);
  const int result = inflate(stream, Z_NO_FLUSH);
  row.data[STEP_CONSUMED] = int32_t(input.length - stream->availIn);
  row.data[STEP_PRODUCED] = int32_t(output.length - stream->availOut);
  row.data[STEP_UNUSED_BITS] = stream->dataType & UNUSED_BITS_MASK;
  const bool isSound = result == Z_OK || result == Z_BUF_ERROR;
  row.data[STEP_STATUS] = result == Z_STREAM_END ? INFLATE_MEMBER_END : isSound ? INFLATE_MORE : INFLATE_DAMAGED;
  if (row.data[STEP_STATUS] != INFLATE_DAMAGED) return nullptr;
  napi_value message = nullptr;
  const char* text = stream->message == nullptr ? "it cannot be decoded" : stream->message;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  return message;
}

}  // namespace

void registerInflate(napi_env env, napi_value exports) {
  const bool isThere = &inflate && &inflateInit2_ && &inflateReset && &inflateEnd && &zlibVersion;
  if (!isThere) return;
  exportFunction(env, exports, "openInflate", openInflate);
  exportFunction(env, exports, "resetInflate", resetInflate);
  exportFunction(env, exports, "stepInflate", stepInflate);
}

}  // namespace millrace
