// Encode: the body of a PutRecords request with one entry per frame.
#include "args.h"
#include "body.h"
#include "codec.h"
#include "frame.h"

namespace millrace {
namespace {

template <typename Body>
size_t encode(const uint8_t* frame, uint32_t count, View<uint8_t> suffix, uint8_t* out) {
  uint8_t* to = Body::open(out);
  uint8_t decimal[DECIMAL_BYTES_MAX + 1];
  for (uint32_t i = 0; i < count; i++) {
    const FrameHeader header = loadHeader(frame);
    const uint8_t* key = frame + FRAME_HEADER_BYTES;
    Entry entry{key, header.keyBytes, decimal, 0};
    if (header.flags & FLAG_EXPLICIT_HASH_KEY)
      entry.explicitBytes = uint32_t(writeDecimal(decimal, header.hashHigh, header.hashLow));
    to = Body::openEntry(to, i == 0, entry, header.dataBytes);
    to = Body::putData(to, key + header.keyBytes, header.dataBytes);
    to = Body::closeEntry(to, entry);
    frame += header.frameBytes;
  }
  to = Body::close(out, to, count, suffix.data, suffix.length);
  return size_t(to - out);
}

}  // namespace

napi_value encodeEntries(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const uint8_t* frames = viewOf<uint8_t>(env, args[0]).data;
  const uint32_t count = u32Of(env, args[1]);
  const bool isJson = u32Of(env, args[2]) != 0;
  const View<uint8_t> suffix = viewOf<uint8_t>(env, args[3]);
  uint8_t* out = viewOf<uint8_t>(env, args[4]).data;
  const size_t bytes = isJson ? encode<JsonBody>(frames, count, suffix, out) : encode<CborBody>(frames, count, suffix, out);
  return numberOf(env, double(bytes));
}

}  // namespace millrace
