// Frame: the C++ twin of src/record/frame.ts and src/ring/layout.ts. What the bytes of a lane and of a frame mean, the one way to
// write a lane, and the one to walk over frames. All numbers are little-endian, as every machine that Node runs on is; fields are read
// with memcpy, which costs nothing and asks for no alignment.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "constants.h"

namespace millrace {

/** The header of a frame, byte for byte as it lies in memory. */
struct FrameHeader {
  uint32_t frameBytes;
  uint8_t kind;
  uint8_t flags;
  uint16_t keyBytes;
  uint32_t dataBytes;
  uint32_t slice;
  uint64_t lineOffset;
  uint64_t hashHigh;
  uint64_t hashLow;
};
static_assert(sizeof(FrameHeader) == FRAME_HEADER_BYTES, "the header has no holes");
static_assert(offsetof(FrameHeader, kind) == FRAME_KIND && offsetof(FrameHeader, flags) == FRAME_FLAGS);
static_assert(offsetof(FrameHeader, keyBytes) == FRAME_KEY_BYTES && offsetof(FrameHeader, dataBytes) == FRAME_DATA_BYTES);
static_assert(offsetof(FrameHeader, slice) == FRAME_SLICE && offsetof(FrameHeader, lineOffset) == FRAME_LINE_OFFSET);
static_assert(offsetof(FrameHeader, hashHigh) == FRAME_HASH_HIGH && offsetof(FrameHeader, hashLow) == FRAME_HASH_LOW);

/** Size of a frame with its header and padding. */
inline uint32_t frameBytes(uint32_t keyBytes, uint32_t dataBytes) {
  return (uint32_t(FRAME_HEADER_BYTES) + keyBytes + dataBytes + 7u) & ~7u;
}

inline uint32_t loadU32(const uint8_t* from) {
  uint32_t value;
  std::memcpy(&value, from, 4);
  return value;
}

inline FrameHeader loadHeader(const uint8_t* frame) {
  FrameHeader header;
  std::memcpy(&header, frame, sizeof header);
  return header;
}

/** Whether a whole frame starts here: its own size must not lead out of the buffer. */
inline bool isFrameWhole(const uint8_t* frame, const uint8_t* end) {
  if (size_t(end - frame) < FRAME_HEADER_BYTES) return false;
  const uint32_t bytes = loadU32(frame);
  return bytes >= FRAME_HEADER_BYTES && bytes <= size_t(end - frame);
}

/** Whether what a frame says it holds fits in the frame, and the frame in the rest of its buffer. */
inline bool isWhole(const FrameHeader& header, size_t leftBytes) {
  return header.frameBytes <= leftBytes && FRAME_HEADER_BYTES + uint64_t(header.keyBytes) + header.dataBytes <= header.frameBytes;
}

/** The same for a frame of which nothing is known yet. */
inline bool isRecordWhole(const uint8_t* frame, const uint8_t* end) {
  const size_t leftBytes = size_t(end - frame);
  return leftBytes >= FRAME_HEADER_BYTES && isWhole(loadHeader(frame), leftBytes);
}

/** Whether a lane has counters, and data of a size that positions wrap in. */
inline bool isLaneSize(size_t laneBytes) {
  if (laneBytes <= LANE_DATA_BYTE || laneBytes - LANE_DATA_BYTE > LANE_CAPACITY_BYTES_MAX) return false;
  const size_t capacityBytes = laneBytes - LANE_DATA_BYTE;
  return capacityBytes >= FRAME_HEADER_BYTES && (capacityBytes & (capacityBytes - 1)) == 0;
}

inline uint32_t loadAcquire(const uint8_t* cell) {
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(cell), __ATOMIC_ACQUIRE);
}

/** Sequentially consistent, because Atomics.wait of another thread compares this cell before it sleeps. */
inline void storePublish(uint8_t* cell, uint32_t value) {
  __atomic_store_n(reinterpret_cast<uint32_t*>(cell), value, __ATOMIC_SEQ_CST);
}

/**
 * The writing end of a lane. The only writer of HEAD; positions count bytes since start, modulo 2^32. Lives for one call:
 * open() reads HEAD and TAIL, publish() stores HEAD. Twin of LaneProducer in src/ring/producer.ts.
 */
struct LaneWriter {
  uint8_t* base;
  uint8_t* data;
  uint32_t capacityBytes;
  uint32_t head;
  uint32_t tail;

  /** @param laneBytes Size of the whole SharedArrayBuffer: LANE_DATA_BYTE plus a power of two. */
  void open(uint8_t* lane, size_t laneBytes) {
    base = lane;
    data = lane + LANE_DATA_BYTE;
    capacityBytes = uint32_t(laneBytes - LANE_DATA_BYTE);
    head = loadAcquire(lane + LANE_HEAD_BYTE);
    tail = loadAcquire(lane + LANE_TAIL_BYTE);
    assert(capacityBytes > 0 && (capacityBytes & (capacityBytes - 1)) == 0);
    assert(head - tail <= capacityBytes);
  }

  uint32_t freeBytes() const { return capacityBytes - (head - tail); }

  bool hasFree(uint32_t needBytes) {
    if (freeBytes() >= needBytes) return true;
    tail = loadAcquire(base + LANE_TAIL_BYTE);
    return freeBytes() >= needBytes;
  }

  /**
   * Room for one contiguous frame, or null when the reader has to release more: wait for `needBytes` free bytes and ask
   * again. The frame counts as written once commit() is called.
   * @param needBytes A multiple of 8, at most capacityBytes.
   */
  uint8_t* reserve(uint32_t needBytes) {
    assert(needBytes > 0 && needBytes % 8 == 0 && needBytes <= capacityBytes);
    uint32_t start = head & (capacityBytes - 1);
    uint32_t toEndBytes = capacityBytes - start;
    if (toEndBytes < needBytes) {
      if (!hasFree(toEndBytes)) return nullptr;
      const uint64_t pad = uint64_t(toEndBytes) | (uint64_t(KIND_PAD) << 32);
      std::memcpy(data + start, &pad, 8);
      head += toEndBytes;
      // The PAD goes out alone: the reader must be able to release it before a frame of over half the lane fits.
      publish();
      start = 0;
    }
    return hasFree(needBytes) ? data + start : nullptr;
  }

  void commit(uint32_t writtenBytes) {
    assert(writtenBytes % 8 == 0 && writtenBytes <= freeBytes());
    head += writtenBytes;
  }

  void publish() { storePublish(base + LANE_HEAD_BYTE, head); }
};

}  // namespace millrace
