// Acknowledge and select: what is done with the frames of a batch once the service has answered.
#include "args.h"
#include "codec.h"
#include "frame.h"

namespace millrace {
namespace {

constexpr const char* NO_WHOLE_BATCH = "Cannot walk over a batch: it does not hold so many whole frames";

/** How far ahead of the walk memory is asked for. A prefetch behind the buffer's end does nothing. */
constexpr uint32_t PREFETCH_BYTES = 4096;

/** Counts records in their slices. Neighbours mostly belong to one slice: one atomic add for a run of them. */
struct Counting {
  View<int32_t> acknowledged;
  View<int32_t> settled;
  uint32_t runSlice = 0;
  int32_t runCount = 0;
  uint32_t settledCount = 0;
  bool isKnown = true;

  void add(uint32_t slice) {
    if (slice != runSlice) {
      flush();
      runSlice = slice;
      runCount = 0;
    }
    runCount++;
  }

  void flush() {
    if (runCount == 0) return;
    if (runSlice >= acknowledged.length || runSlice / 32 >= settled.length) {
      isKnown = false;
      return;
    }
    // The counter lies below zero by what is still expected: who brings it back settles the slice (src/ring/slices.ts).
    if (__atomic_add_fetch(acknowledged.data + runSlice, runCount, __ATOMIC_SEQ_CST) != 0) return;
    __atomic_fetch_or(settled.data + runSlice / 32, int32_t(1u << (runSlice % 32)), __ATOMIC_SEQ_CST);
    settledCount++;
  }

  napi_value result(napi_env env) {
    flush();
    if (!isKnown) return refuse(env, "Cannot acknowledge: a frame belongs to a slice that is not counted");
    return numberOf(env, settledCount);
  }
};

}  // namespace

napi_value acknowledge(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const View<uint8_t> frames = viewOf<uint8_t>(env, args[0]);
  const uint32_t count = u32Of(env, args[1]);
  const View<uint8_t> verdicts = viewOf<uint8_t>(env, args[2]);
  const uint8_t verdict = uint8_t(u32Of(env, args[3]));
  Counting counting{viewOf<int32_t>(env, args[4]), viewOf<int32_t>(env, args[5])};
  if (verdicts.length < count) return refuse(env, "Cannot acknowledge: there are fewer verdicts than frames");
  const uint8_t* frame = frames.data;
  const uint8_t* end = frames.data + frames.length;
  uint32_t walked = 0;
  for (; walked < count && isFrameWhole(frame, end); walked++) {
    if (verdicts.data[walked] == verdict) counting.add(loadU32(frame + FRAME_SLICE) & SLICE_MASK);
    const uint32_t frameSize = loadU32(frame);
    // Each frame says where the next one is, and by now they have left the cache: without this every step would wait for memory.
    for (uint32_t ahead = 0; ahead < frameSize; ahead += 64) __builtin_prefetch(frame + PREFETCH_BYTES + ahead);
    frame += frameSize;
  }
  if (walked == count) return counting.result(env);
  counting.flush();
  return refuse(env, NO_WHOLE_BATCH);
}

/** The same for all records of a batch of entries: their headers stand at its end, one behind the other and the first one last. */
napi_value acknowledgeEntries(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const View<uint8_t> batch = viewOf<uint8_t>(env, args[0]);
  const uint32_t count = u32Of(env, args[1]);
  Counting counting{viewOf<int32_t>(env, args[2]), viewOf<int32_t>(env, args[3])};
  if (count > batch.length / FRAME_HEADER_BYTES) return refuse(env, NO_WHOLE_BATCH);
  const uint8_t* header = batch.data + batch.length;
  for (uint32_t i = 0; i < count; i++) {
    header -= FRAME_HEADER_BYTES;
    counting.add(loadU32(header + FRAME_SLICE) & SLICE_MASK);
  }
  return counting.result(env);
}

napi_value selectFrames(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const View<uint8_t> frames = viewOf<uint8_t>(env, args[0]);
  const uint32_t count = u32Of(env, args[1]);
  const View<uint8_t> verdicts = viewOf<uint8_t>(env, args[2]);
  const uint8_t verdict = uint8_t(u32Of(env, args[3]));
  const View<uint8_t> out = viewOf<uint8_t>(env, args[4]);
  View<double> result = viewOf<double>(env, args[5]);
  if (verdicts.length < count) return refuse(env, "Cannot select frames: there are fewer verdicts than frames");
  if (result.length < 3) return refuse(env, "Cannot select frames: the result has no room");
  const uint8_t* frame = frames.data;
  const uint8_t* end = frames.data + frames.length;
  size_t bytes = 0;
  uint32_t selected = 0;
  uint64_t payload = 0;
  // A run of selected frames is one stretch of memory: one copy.
  const uint8_t* runStart = frame;
  for (uint32_t i = 0; i <= count; i++) {
    const bool isTaken = i < count && verdicts.data[i] == verdict;
    if (!isTaken && frame != runStart) {
      const size_t runBytes = size_t(frame - runStart);
      if (runBytes > out.length - bytes) return refuse(env, "Cannot select frames: their buffer is too small");
      // `out` may be the frames' own buffer: then what stays moves forward.
      std::memmove(out.data + bytes, runStart, runBytes);
      bytes += runBytes;
    }
    if (i == count) break;
    if (!isFrameWhole(frame, end)) return refuse(env, NO_WHOLE_BATCH);
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
