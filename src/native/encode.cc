// Encode: the body of a PutRecords request with one entry per frame.
#include "args.h"
#include "body.h"
#include "codec.h"
#include "frame.h"

namespace millrace {
namespace {

/** @returns 0 where these are not frames, or their body does not fit. */
template <typename Body>
size_t encode(View<uint8_t> frames, uint32_t count, View<uint8_t> suffix, View<uint8_t> out) {
  if (out.length < OPENING_BYTES_MAX + suffix.length) return 0;
  // In CBOR a body is its frames and little more, so that one look suffices; in JSON each key may need six times its bytes.
  const bool fitsWhole = Body::bodyBytesMax(frames.length, count) <= out.length - OPENING_BYTES_MAX - suffix.length;
  const uint8_t* frame = frames.data;
  const uint8_t* const framesEnd = frames.data + frames.length;
  // Behind every entry there is room for the suffix.
  const uint8_t* const end = out.data + out.length - suffix.length;
  uint8_t* to = Body::open(out.data);
  uint8_t decimal[DECIMAL_BYTES_MAX + 1];
  for (uint32_t i = 0; i < count; i++) {
    if (size_t(framesEnd - frame) < FRAME_HEADER_BYTES) [[unlikely]] return 0;
    const FrameHeader header = loadHeader(frame);
    if (!isWhole(header, size_t(framesEnd - frame))) [[unlikely]] return 0;
    const uint8_t* key = frame + FRAME_HEADER_BYTES;
    Entry entry{key, header.keyBytes, decimal, 0};
    if (!fitsWhole && Body::entryBytesMax(entry, header.dataBytes) > size_t(end - to)) return 0;
    if (header.flags & FLAG_EXPLICIT_HASH_KEY)
      entry.explicitBytes = uint32_t(writeDecimal(decimal, header.hashHigh, header.hashLow));
    to = Body::openEntry(to, i == 0, entry, header.dataBytes);
    to = Body::putData(to, key + header.keyBytes, header.dataBytes);
    to = Body::closeEntry(to, entry);
    frame += header.frameBytes;
  }
  to = Body::close(out.data, to, count, suffix.data, suffix.length);
  return size_t(to - out.data);
}

}  // namespace

napi_value encodeEntries(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const View<uint8_t> frames = viewOf<uint8_t>(env, args[0]);
  const uint32_t count = u32Of(env, args[1]);
  const bool isJson = u32Of(env, args[2]) != 0;
  const View<uint8_t> suffix = viewOf<uint8_t>(env, args[3]);
  const View<uint8_t> out = viewOf<uint8_t>(env, args[4]);
  const size_t bytes = isJson ? encode<JsonBody>(frames, count, suffix, out) : encode<CborBody>(frames, count, suffix, out);
  if (bytes == 0) return refuse(env, "Cannot encode a request: its frames are none, or its buffer is too small");
  return numberOf(env, double(bytes));
}

}  // namespace millrace
