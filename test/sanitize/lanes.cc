// Lanes under ThreadSanitizer: parsers write lanes, publishers drain them, acknowledge what came and ring, and the main thread counts: the code of the
// addon, with two threads on each side and no JavaScript. Node itself cannot run under ThreadSanitizer: V8 compiles Atomics to instructions that
// the sanitizer does not see, so that every lane would count as a race.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../../src/native/acknowledge.cc"
#include "../../src/native/drain.cc"

using namespace millrace;

/** What stands for a JavaScript value: a typed array, or a number. */
struct napi_value__ {
  void* data;
  size_t length;
  uint32_t number;
  napi_typedarray_type type = napi_uint8_array;
};
struct napi_callback_info__ {
  std::vector<napi_value> arguments;
};

extern "C" {
napi_status napi_get_cb_info(napi_env, napi_callback_info info, size_t*, napi_value* values, napi_value*, void**) {
  for (napi_value value : info->arguments) *values++ = value;
  return napi_ok;
}
napi_status napi_get_typedarray_info(napi_env, napi_value value, napi_typedarray_type* type, size_t* length, void** data, napi_value*, size_t*) {
  *data = value->data;
  *length = value->length;
  *type = value->type;
  return napi_ok;
}
napi_status napi_get_value_uint32(napi_env, napi_value value, uint32_t* number) {
  *number = value->number;
  return napi_ok;
}
napi_status napi_create_double(napi_env, double, napi_value* value) {
  *value = nullptr;
  return napi_ok;
}
// The files name these and do not call them here.
napi_status napi_open_handle_scope(napi_env, napi_handle_scope*) { std::abort(); }
napi_status napi_close_handle_scope(napi_env, napi_handle_scope) { std::abort(); }
napi_status napi_get_element(napi_env, napi_value, uint32_t, napi_value*) { std::abort(); }
napi_status napi_throw_range_error(napi_env, const char*, const char* why) {
  std::fprintf(stderr, "lanes: %s\n", why);
  std::abort();
}
napi_status napi_get_value_double(napi_env, napi_value, double*) { std::abort(); }
napi_status napi_throw_error(napi_env, const char*, const char*) { std::abort(); }
}

namespace {

constexpr uint32_t LANE_COUNT = 2;
constexpr uint32_t CAPACITY_BYTES = 4096;
constexpr uint32_t FRAME_COUNT = 40'000;
constexpr uint32_t SLICE_COUNT = 64;

struct Lane {
  alignas(64) uint8_t bytes[LANE_DATA_BYTE + CAPACITY_BYTES] = {};
};
Lane lanes[LANE_COUNT];
int32_t acknowledged[SLICE_COUNT];
/** A bit a slice. */
int32_t settled[SLICE_COUNT / 32];
/** The doorbell of each publisher: a count that is taken before the lane is looked at. */
uint32_t bells[LANE_COUNT * 16];

void fail(const char* why) {
  std::fprintf(stderr, "lanes: %s\n", why);
  std::exit(1);
}

void ring(uint32_t which) { __atomic_fetch_add(&bells[which * 16], 1, __ATOMIC_SEQ_CST); }

void parse(uint32_t which) {
  LaneWriter writer;
  for (uint32_t i = 0; i < FRAME_COUNT; i++) {
    const uint32_t dataBytes = (i * 37) % 1500;
    writer.open(lanes[which].bytes, sizeof lanes[which].bytes);
    uint8_t* frame;
    while ((frame = writer.reserve(frameBytes(4, dataBytes))) == nullptr) {
      // A PAD may have gone out alone.
      ring(which);
      std::this_thread::yield();
    }
    const FrameHeader header = {frameBytes(4, dataBytes), KIND_RECORD, 0, 4, dataBytes, i % SLICE_COUNT, i, 0, 0};
    std::memcpy(frame, &header, sizeof header);
    std::memset(frame + FRAME_HEADER_BYTES, int(i & 255), 4 + dataBytes);
    writer.commit(header.frameBytes);
    writer.publish();
    ring(which);
  }
}

void check(const uint8_t* frame, uint32_t count, uint64_t& next) {
  for (uint32_t i = 0; i < count; i++, next++) {
    const FrameHeader header = loadHeader(frame);
    if (header.lineOffset != next) fail("a frame is lost, repeated or out of order");
    for (uint32_t at = 0; at < 4 + header.dataBytes; at++)
      if (frame[FRAME_HEADER_BYTES + at] != uint8_t(next)) fail("a frame is torn");
    frame += header.frameBytes;
  }
}

void publish(uint32_t which) {
  std::vector<uint8_t> batch(CAPACITY_BYTES * 2);
  std::vector<uint8_t> verdicts(1000);
  uint64_t starts[2] = {};
  uint8_t* slots[1] = {batch.data()};
  for (uint64_t next = 0; next < FRAME_COUNT;) {
    const uint32_t heard = __atomic_load_n(&bells[which * 16], __ATOMIC_SEQ_CST);
    uint32_t rows[ROW_COLUMNS] = {};
    rows[ROW_CAPACITY_BYTES] = uint32_t(batch.size());
    rows[ROW_COUNT_MAX] = uint32_t(verdicts.size());
    rows[ROW_PAYLOAD_BYTES_MAX] = UINT32_MAX;
    const Drain drain = {nullptr, {lanes[which].bytes, sizeof lanes[which].bytes}, {starts, 2}, {rows, ROW_COLUMNS}, nullptr, slots};
    const Drained drained = drain.run();
    if (drained.fault != nullptr) fail(drained.fault);
    if (drained.records == 0) {
      if (drained.status != DRAIN_EMPTY) fail("an empty batch is full");
      while (__atomic_load_n(&bells[which * 16], __ATOMIC_SEQ_CST) == heard) std::this_thread::yield();
      continue;
    }
    check(batch.data(), drained.records, next);
    napi_value__ frames = {batch.data(), rows[ROW_USED_BYTES], 0}, count = {nullptr, 0, drained.records}, judged = {verdicts.data(), 1000, 0};
    napi_value__ stored = {nullptr, 0, 0}, cells = {acknowledged, SLICE_COUNT, 0, napi_int32_array},
                bits = {settled, SLICE_COUNT / 32, 0, napi_int32_array};
    napi_callback_info__ info = {{&frames, &count, &judged, &stored, &cells, &bits}};
    acknowledge(nullptr, &info);
  }
}

}  // namespace

int main() {
  // Below zero by what is expected.
  for (int32_t& cell : acknowledged) cell = -int32_t(LANE_COUNT * FRAME_COUNT / SLICE_COUNT);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < LANE_COUNT; i++) {
    threads.emplace_back(parse, i);
    threads.emplace_back(publish, i);
  }
  // The main thread takes the slices that are settled, as the accounting does, once each.
  for (uint32_t open = SLICE_COUNT; open > 0;) {
    for (uint32_t word = 0; word < SLICE_COUNT / 32; word++) {
      const auto bits = uint32_t(__atomic_exchange_n(&settled[word], 0, __ATOMIC_SEQ_CST));
      for (uint32_t i = 0; i < 32; i++) {
        if ((bits >> i & 1) == 0) continue;
        if (__atomic_load_n(&acknowledged[word * 32 + i], __ATOMIC_SEQ_CST) != 0) fail("a slice is settled that is not at its end");
        open--;
      }
    }
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("lanes: %u records through %u lanes, no race\n", LANE_COUNT * FRAME_COUNT, LANE_COUNT);
}
