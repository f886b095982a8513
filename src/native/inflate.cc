// Inflate: the door of the gzip decoder (gunzip.h) to JavaScript. src/native/inflate.ts is the only caller.
#include <new>

#include "addon.h"
#include "args.h"
#include "constants.h"
#include "gunzip.h"

namespace millrace {
namespace {

void closeDecoder(napi_env, void* data, void*) { delete static_cast<Gunzip*>(data); }

Gunzip* decoderOf(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_get_value_external(env, value, &data);
  return static_cast<Gunzip*>(data);
}

/** openInflate(isPlain): a gzip decoder, or undefined without memory. */
napi_value openInflate(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  auto* decoder = new (std::nothrow) Gunzip();
  if (decoder != nullptr) decoder->isPlain = u32Of(env, args[0]) != 0;
  napi_value handle = nullptr;
  if (decoder != nullptr && napi_create_external(env, decoder, closeDecoder, nullptr, &handle) != napi_ok) delete decoder;
  return handle;
}

/** resetInflate(handle): the next byte begins a member. */
napi_value resetInflate(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Gunzip* decoder = decoderOf(env, args[0]);
  if (decoder == nullptr) return refuse(env, "Cannot inflate: this is no decoder");
  decoder->reset();
  return nullptr;
}

/** stepInflate(handle, input, output, row): fills the row. Gives zlib's word for what is wrong where the input is damaged. */
napi_value stepInflate(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  Gunzip* decoder = decoderOf(env, args[0]);
  const View<uint8_t> input = viewOf<uint8_t>(env, args[1]);
  const View<uint8_t> output = viewOf<uint8_t>(env, args[2]);
  const View<int32_t> row = viewOf<int32_t>(env, args[3]);
  if (decoder == nullptr) return refuse(env, "Cannot inflate: this is no decoder");
  if (row.length < STEP_CELLS) return refuse(env, "Cannot inflate: the row has no room");
  if (input.length > INT32_MAX || output.length > INT32_MAX) return refuse(env, "Cannot inflate: a step is too large");
  const Gunzip::Outcome outcome = decoder->step(input.data, input.length, output.data, output.length);
  row.data[STEP_CONSUMED] = int32_t(decoder->consumed);
  row.data[STEP_PRODUCED] = int32_t(decoder->produced);
  row.data[STEP_UNUSED_BITS] = int32_t(decoder->unusedBits());
  row.data[STEP_STATUS] = outcome == Gunzip::MEMBER_END ? INFLATE_MEMBER_END
                          : outcome == Gunzip::DAMAGED  ? INFLATE_DAMAGED
                                                        : INFLATE_MORE;
  if (outcome != Gunzip::DAMAGED) return nullptr;
  napi_value message = nullptr;
  napi_create_string_utf8(env, decoder->why, NAPI_AUTO_LENGTH, &message);
  return message;
}

}  // namespace

void registerInflate(napi_env env, napi_value exports) {
  exportFunction(env, exports, "openInflate", openInflate);
  exportFunction(env, exports, "resetInflate", resetInflate);
  exportFunction(env, exports, "stepInflate", stepInflate);
}

}  // namespace millrace
