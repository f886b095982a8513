// Fuzz target: answers of GetRecords, over any bytes, into buffers of any size: frames are whole and within their buffer, and the walk goes on
// to the end of what the outline has counted. Bytes: [0] size of the buffer, and whether hash keys are checked; then the answer.
#include "fuzz.h"

#include "../../../src/native/get-records.cc"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Exact body(data + 1, size - 1);
  const millrace::View<uint8_t> answer = {body.data, body.size};
  uint32_t cells[5];
  if (!millrace::outline(answer, cells)) return 0;
  if (cells[millrace::OUTLINE_RECORD_COUNT] == 0) return 0;
  const uint64_t range[4] = {0, 0, UINT64_MAX >> 1, UINT64_MAX};
  auto* index = static_cast<double*>(std::malloc(sizeof(double) * millrace::INDEX_COLUMNS * cells[millrace::OUTLINE_RECORD_COUNT]));
  uint32_t cursor[6] = {cells[millrace::OUTLINE_RECORDS_AT], cells[millrace::OUTLINE_RECORD_COUNT], 0, 0, 0, 0};
  size_t capacity = 64 + 8 * size_t(data[0] & 127);
  for (;;) {
    auto* out = static_cast<uint8_t*>(std::malloc(capacity));
    millrace::Decoder decoder{answer, cursor, {out, capacity}, index, (data[0] & 128) != 0 ? range : nullptr, {}, {}};
    // The outline has read every record already.
    if (!decoder.run()) std::abort();
    size_t at = 0;
    while (at < decoder.writer.used) {
      const millrace::FrameHeader header = millrace::loadHeader(out + at);
      const size_t needed = size_t(millrace::FRAME_HEADER_BYTES) + header.keyBytes + header.dataBytes;
      if (header.frameBytes < needed || header.frameBytes > decoder.writer.used - at) std::abort();
      touch(out + at, needed);
      at += header.frameBytes;
    }
    std::free(out);
    if (cursor[millrace::CURSOR_LEFT] == 0) break;
    if (decoder.writer.used == 0) capacity = decoder.writer.needBytes;
    if (decoder.writer.used == 0 && decoder.writer.needBytes == 0) std::abort();
  }
  std::free(index);
  return 0;
}
