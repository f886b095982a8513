// MD5 by: the checksums of aggregates in each way that this processor has (md5-many.h), for test/native/md5-by.test.ts and bench/bytes.ts alone.
#include "addon.h"
#include "args.h"
#include "md5-many.h"

namespace millrace {
namespace {

constexpr uint32_t DIGEST_BYTES = 16;
constexpr uint32_t MESSAGES_MAX = 64;

/** md5By(kernel, messages, out): writes 16 bytes for each message. Its result is the way's name, or undefined where there are fewer. */
napi_value md5By(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  uint32_t count = 0;
  napi_get_array_length(env, args[1], &count);
  const View<uint8_t> out = viewOf<uint8_t>(env, args[2]);
  if (count > MESSAGES_MAX || out.length < size_t(count) * DIGEST_BYTES)
    return refuse(env, "Cannot compute checksums: there are too many messages, or there is no room for what is made of them");
  Md5Job jobs[MESSAGES_MAX];
  for (uint32_t i = 0; i < count; i++) {
    napi_value message = nullptr;
    napi_get_element(env, args[1], i, &message);
    const View<uint8_t> bytes = viewOf<uint8_t>(env, message);
    jobs[i] = {bytes.data, bytes.length, out.data + size_t(i) * DIGEST_BYTES};
  }
  const char* name = md5ManyBy(u32Of(env, args[0]), jobs, count);
  if (name == nullptr) return nullptr;
  napi_value text = nullptr;
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text);
  return text;
}

}  // namespace

void registerMd5By(napi_env env, napi_value exports) { exportFunction(env, exports, "md5By", md5By); }

}  // namespace millrace
