// Drain: the reading end of a lane. Scatters frames by hash key over the open batches of a publisher's shards: copied as they are, or
// written as entries of the request that they will be sent in (src/publish/entries.ts), so that their bytes are moved once and not twice.
// Stops at a full batch, at a mark, or where the lane's writer had got to when the call began.
#include "args.h"
#include "body.h"
#include "codec.h"
#include "frame.h"

#include <cstdlib>

namespace millrace {
namespace {

/** Cells of the result. */
enum : uint32_t { STATUS, SHARD, NEED_BYTES, SEQUENCE, RECORDS, RESULT_CELLS };

/** Space is given back to the writer in steps, so that it need not wait for the end of a long call. */
constexpr uint32_t RELEASE_STEP_BYTES = 64 * 1024;

constexpr const char* NO_FRAME = "Cannot drain a lane: what lies in it is no frame";

typedef unsigned __int128 u128;

/** The open batches' pointers, asked for from JavaScript on first use in a call. */
struct Pointers {
  uint8_t** slots = nullptr;
  size_t count = 0;
  ~Pointers() { std::free(slots); }
  bool clear(size_t shardCount) {
    if (shardCount > count) {
      std::free(slots);
      slots = static_cast<uint8_t**>(std::malloc(shardCount * sizeof(uint8_t*)));
      count = slots == nullptr ? 0 : shardCount;
      if (slots == nullptr) return false;
    }
    std::memset(slots, 0, shardCount * sizeof(uint8_t*));
    return true;
  }
};
thread_local Pointers pointers;

inline u128 join(uint64_t high, uint64_t low) { return (u128(high) << 64) | low; }

/** The last shard that starts at or before the key. The first one takes everything below the second. */
inline size_t shardOf(const uint64_t* starts, size_t shardCount, u128 key) {
  size_t low = 0;
  size_t left = shardCount;
  while (left > 1) {
    const size_t half = left / 2;
    const uint64_t* middle = starts + 2 * (low + half);
    // No branch here: hash keys are random, so it would be predicted wrongly half of the time.
    low += (key >= join(middle[0], middle[1])) ? half : 0;
    left -= half;
  }
  return low;
}

/** Frames are whole multiples of 8 bytes and mostly short: a call to memcpy would cost more than the copy. */
inline void copyFrame(uint8_t* to, const uint8_t* from, uint32_t bytes) {
  if (bytes > 512) {
    std::memcpy(to, from, bytes);
    return;
  }
  uint32_t at = 0;
  for (; at + 16 <= bytes; at += 16) {
    uint64_t pair[2];
    std::memcpy(pair, from + at, 16);
    std::memcpy(to + at, pair, 16);
  }
  if (at < bytes) std::memcpy(to + at, from + at, 8);
}

/** Data mostly is short, too. Its end is copied over what was copied before it, so that nothing outside is read or written. */
inline void copyData(uint8_t* to, const uint8_t* from, uint32_t bytes) {
  if (bytes > 512 || bytes < 16) {
    std::memcpy(to, from, bytes);
    return;
  }
  uint64_t pair[2];
  for (uint32_t at = 0; at + 16 <= bytes; at += 16) {
    std::memcpy(pair, from + at, 16);
    std::memcpy(to + at, pair, 16);
  }
  std::memcpy(pair, from + bytes - 16, 16);
  std::memcpy(to + bytes - 16, pair, 16);
}

/** Writes a record as an entry. @param used Where in the batch it begins. @returns Where it ends. */
inline uint32_t writeEntry(uint8_t* batch, uint32_t used, const uint8_t* frame, const FrameHeader& header, uint8_t* room) {
  uint8_t decimal[DECIMAL_BYTES_MAX + 1];
  Entry entry{frame + FRAME_HEADER_BYTES, header.keyBytes, decimal, 0};
  if (header.flags & FLAG_EXPLICIT_HASH_KEY)
    entry.explicitBytes = uint32_t(writeDecimal(decimal, header.hashHigh, header.hashLow));
  uint8_t* to = CborBody::openEntry(batch + used, false, entry, header.dataBytes);
  copyData(to, entry.key + header.keyBytes, header.dataBytes);
  to += header.dataBytes;
  // Its header stands at the other end of the batch, and says where its key begins in place of how large its frame was.
  FrameHeader kept = header;
  kept.frameBytes = uint32_t(to - batch) + CborBody::gapBytes(header.keyBytes);
  std::memcpy(room, &kept, sizeof kept);
  return uint32_t(CborBody::closeEntry(to, entry) - batch);
}

struct Drained {
  uint32_t status = DRAIN_EMPTY;
  /** Why the call is refused, where it is. */
  const char* fault = nullptr;
  uint32_t shardIndex = 0;
  uint64_t needBytes = 0;
  uint32_t records = 0;
  uint64_t sequence = 0;
};

struct Drain {
  napi_env env;
  View<uint8_t> lane;
  View<uint64_t> starts;
  View<uint32_t> rows;
  napi_value buffers;
  /** Of the thread's `pointers`. */
  uint8_t** slots;

  /** @returns Null where there is no batch, or one that is smaller than its row says. */
  uint8_t* pointerOf(size_t shard, uint32_t capacityBytes) const {
    napi_handle_scope scope;
    napi_open_handle_scope(env, &scope);
    napi_value buffer;
    napi_get_element(env, buffers, uint32_t(shard), &buffer);
    const View<uint8_t> batch = viewOf<uint8_t>(env, buffer);
    napi_close_handle_scope(env, scope);
    return batch.length < capacityBytes ? nullptr : batch.data;
  }

  /** What a record needs of its batch, beside what is used of it: as a frame; or as an entry, with all headers and what surrounds the entries. */
  static uint64_t needBytes(const uint32_t* row, const FrameHeader& header) {
    if (row[ROW_FORM] == FORM_FRAMES) return header.frameBytes;
    const uint64_t entryBytes = CborBody::entryBytesMax({nullptr, header.keyBytes, nullptr, 0}, header.dataBytes);
    return entryBytes + SURROUND_BYTES_MAX + FRAME_HEADER_BYTES * (uint64_t(row[ROW_COUNT]) + 1);
  }

  /** @returns Whether the frame went into its shard's batch. */
  bool place(const uint8_t* frame, const FrameHeader& header, Drained& result) const {
    const size_t shard = shardOf(starts.data, starts.length / 2, join(header.hashHigh, header.hashLow));
    uint32_t* row = rows.data + shard * ROW_COLUMNS;
    const uint64_t payloadAfter = uint64_t(row[ROW_PAYLOAD_BYTES]) + header.dataBytes + header.keyBytes;
    const uint64_t need = needBytes(row, header);
    const bool isFull = uint64_t(row[ROW_USED_BYTES]) + need > row[ROW_CAPACITY_BYTES] || row[ROW_COUNT] >= row[ROW_COUNT_MAX] ||
                        (row[ROW_COUNT] > 0 && payloadAfter > row[ROW_PAYLOAD_BYTES_MAX]);
    if (!isFull && slots[shard] == nullptr) {
      slots[shard] = pointerOf(shard, row[ROW_CAPACITY_BYTES]);
      if (slots[shard] == nullptr) {
        result.fault = "Cannot drain a lane: a shard's batch is smaller than its row says";
        return false;
      }
    }
    if (isFull) {
      result.status = DRAIN_SHARD_FULL;
      result.shardIndex = uint32_t(shard);
      result.needBytes = need;
      return false;
    }
    uint8_t* batch = slots[shard];
    if (row[ROW_FORM] == FORM_FRAMES) {
      copyFrame(batch + row[ROW_USED_BYTES], frame, header.frameBytes);
      row[ROW_USED_BYTES] += header.frameBytes;
    } else {
      uint8_t* room = batch + row[ROW_CAPACITY_BYTES] - FRAME_HEADER_BYTES * (size_t(row[ROW_COUNT]) + 1);
      row[ROW_USED_BYTES] = writeEntry(batch, row[ROW_USED_BYTES], frame, header, room);
    }
    row[ROW_COUNT] += 1;
    row[ROW_PAYLOAD_BYTES] = uint32_t(payloadAfter);
    result.records += 1;
    return true;
  }

  Drained run() const {
    Drained result;
    const uint32_t capacityBytes = uint32_t(lane.length - LANE_DATA_BYTE);
    const uint32_t mask = capacityBytes - 1;
    const uint8_t* data = lane.data + LANE_DATA_BYTE;
    uint8_t* tailCell = lane.data + LANE_TAIL_BYTE;
    const uint32_t head = loadAcquire(lane.data + LANE_HEAD_BYTE);
    uint32_t tail = loadAcquire(tailCell);
    uint32_t released = tail;
    while (tail != head && result.status == DRAIN_EMPTY) {
      const uint8_t* frame = data + (tail & mask);
      const uint32_t bytes = loadU32(frame);
      // No frame is empty, goes beyond what was published, or around the lane's end.
      if (bytes - 8 > head - tail - 8 || bytes > capacityBytes - (tail & mask)) [[unlikely]] {
        result.fault = NO_FRAME;
        break;
      }
      const uint8_t kind = frame[FRAME_KIND];
      if (kind != KIND_PAD && bytes < FRAME_HEADER_BYTES) [[unlikely]] {
        result.fault = NO_FRAME;
        break;
      }
      if (kind == KIND_RECORD) {
        const FrameHeader header = loadHeader(frame);
        if (!isWhole(header, bytes)) [[unlikely]] {
          result.fault = NO_FRAME;
          break;
        }
        if (!place(frame, header, result)) break;
      } else if (kind != KIND_PAD) {
        result.status = kind == KIND_BEGIN ? DRAIN_BEGIN : DRAIN_END;
        result.sequence = loadHeader(frame).lineOffset;
      }
      tail += bytes;
      if (tail - released >= RELEASE_STEP_BYTES) {
        storePublish(tailCell, tail);
        released = tail;
      }
    }
    if (tail != released) storePublish(tailCell, tail);
    return result;
  }
};

}  // namespace

napi_value drain(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const View<uint64_t> starts = viewOf<uint64_t>(env, args[1]);
  const View<uint8_t> lane = viewOf<uint8_t>(env, args[0]);
  const View<uint32_t> rows = viewOf<uint32_t>(env, args[2]);
  View<double> out = viewOf<double>(env, args[4]);
  if (!isLaneSize(lane.length)) return refuse(env, "Cannot drain a lane: this is none");
  if (starts.length < 2 || rows.length < starts.length / 2 * ROW_COLUMNS)
    return refuse(env, "Cannot drain a lane: there are fewer rows than shards");
  if (out.length < RESULT_CELLS) return refuse(env, "Cannot drain a lane: the result has no room");
  if (!pointers.clear(starts.length / 2)) {
    napi_throw_error(env, nullptr, "Cannot drain a lane: out of memory");
    return nullptr;
  }
  const Drain job{env, lane, starts, rows, args[3], pointers.slots};
  const Drained result = job.run();
  if (result.fault != nullptr) return refuse(env, result.fault);
  out.data[STATUS] = result.status;
  out.data[SHARD] = result.shardIndex;
  out.data[NEED_BYTES] = double(result.needBytes);
  out.data[SEQUENCE] = double(result.sequence);
  out.data[RECORDS] = result.records;
  return nullptr;
}

}  // namespace millrace
