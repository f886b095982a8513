// Acknowledge and select: what is done with the frames of a batch once the service has answered.
#include "args.h"
#include "codec.h"
#include "frame.h"

namespace millrace {

/** How far ahead of the walk memory is asked for. A prefetch behind the buffer's end does nothing. */
constexpr uint32_t PREFETCH_BYTES = 4096;

napi_value acknowledge(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const uint8_t* frame = viewOf<uint8_t>(env, args[0]).data;
  const uint32_t count = u32Of(env, args[1]);
  const uint8_t* verdicts = viewOf<uint8_t>(env, args[2]).data;
  const uint8_t verdict = uint8_t(u32Of(env, args[3]));
  View<int32_t> acknowledged = viewOf<int32_t>(env, args[4]);
  // Neighbours mostly belong to one segment: one atomic add for a run of them.
  uint32_t runSlice = 0;
  int32_t runCount = 0;
  const auto flush = [&] {
    if (runCount > 0 && runSlice < acknowledged.length)
      __atomic_fetch_add(acknowledged.data + runSlice, runCount, __ATOMIC_SEQ_CST);
  };
  for (uint32_t i = 0; i < count; i++) {
    if (verdicts[i] == verdict) {
      const uint32_t slice = loadU32(frame + FRAME_SLICE);
      if (slice != runSlice) {
        flush();
        runSlice = slice;
        runCount = 0;
      }
      runCount++;
    }
    const uint32_t frameSize = loadU32(frame);
    // Each frame says where the next one is, and by now they have left the cache: without this every step would wait for memory.
    for (uint32_t ahead = 0; ahead < frameSize; ahead += 64) __builtin_prefetch(frame + PREFETCH_BYTES + ahead);
    frame += frameSize;
  }
  flush();
  return nullptr;
}

napi_value selectFrames(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const uint8_t* frame = viewOf<uint8_t>(env, args[0]).data;
  const uint32_t count = u32Of(env, args[1]);
  const uint8_t* verdicts = viewOf<uint8_t>(env, args[2]).data;
  const uint8_t verdict = uint8_t(u32Of(env, args[3]));
  uint8_t* out = viewOf<uint8_t>(env, args[4]).data;
  View<double> result = viewOf<double>(env, args[5]);
  size_t bytes = 0;
  uint32_t selected = 0;
  uint64_t payload = 0;
  // A run of selected frames is one stretch of memory: one copy.
  const uint8_t* runStart = frame;
  for (uint32_t i = 0; i <= count; i++) {
    const bool isTaken = i < count && verdicts[i] == verdict;
    if (!isTaken && frame != runStart) {
      // `out` may be the frames' own buffer: then what stays moves forward.
      std::memmove(out + bytes, runStart, size_t(frame - runStart));
      bytes += size_t(frame - runStart);
    }
    if (i == count) break;
    const uint32_t frameSize = loadU32(frame);
    if (isTaken) {
      const FrameHeader header = loadHeader(frame);
      selected++;
      payload += uint64_t(header.dataBytes) + header.keyBytes;
    }
    frame += frameSize;
    if (!isTaken) runStart = frame;
  }
  result.data[0] = double(bytes);
  result.data[1] = selected;
  result.data[2] = double(payload);
  return nullptr;
}

}  // namespace millrace
