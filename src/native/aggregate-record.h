// Aggregate record: one KPL aggregated record (aggregation-format.md of awslabs/amazon-kinesis-producer): magic, protobuf
// AggregatedRecord, MD5 of the protobuf bytes.
//
//   AggregatedRecord { 1: repeated string partition_key_table; 2: repeated string explicit_hash_key_table;
//                      3: repeated Record { 1: uint64 partition_key_index; 2: optional uint64 explicit_hash_key_index; 3: bytes data } }
//
// Each aggregate is walked twice: once to choose its frames and number their keys, once to write it.
#pragma once

#include "args.h"
#include "body.h"
#include "frame.h"
#include "key-table.h"

#include <cstdlib>

namespace millrace {

constexpr uint32_t MAGIC_BYTES = 4;
constexpr uint32_t CHECKSUM_BYTES = AGGREGATE_CHECKSUM_BYTES;
/** Magic, checksum and the aggregate's own partition key "a". */
constexpr uint32_t AGGREGATE_OVERHEAD_BYTES = MAGIC_BYTES + CHECKSUM_BYTES + 1;
/** Aggregates whose checksums are computed together: what still lies in the core's own cache. */
constexpr uint32_t PENDING_MAX = 16;
/** Scratch memory for aggregates that wait for their checksum, unless one alone is larger. */
constexpr size_t PLAIN_BYTES_MAX = 4 * 1024 * 1024;

inline uint32_t varintBytes(uint32_t value) {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

inline uint8_t* putVarint(uint8_t* to, uint32_t value) {
  while (value >= 0x80) {
    *to++ = uint8_t(value | 0x80);
    value >>= 7;
  }
  *to++ = uint8_t(value);
  return to;
}

/** What the first walk learns about one frame. */
struct Place {
  uint32_t keyIndex;
  /** 0 = none, else the index plus one. */
  uint32_t explicitIndexPlusOne;
};

/** Memory of one thread, kept between calls. */
struct Scratch {
  KeyTable keys;
  KeyTable explicitKeys;
  Place* places = nullptr;
  size_t placesMax = 0;
  uint8_t* plain = nullptr;
  size_t plainMax = 0;
  ~Scratch() {
    std::free(places);
    std::free(plain);
  }
  bool holdPlaces(size_t count) {
    if (count <= placesMax) return true;
    Place* grown = static_cast<Place*>(std::realloc(places, count * 2 * sizeof(Place)));
    if (grown == nullptr) return false;
    places = grown;
    placesMax = count * 2;
    return true;
  }
  bool holdPlain(size_t bytes) {
    if (bytes <= plainMax) return true;
    // Room for several aggregates of the usual size, but never a multiple of a very large one.
    const size_t wanted = bytes * PENDING_MAX < PLAIN_BYTES_MAX ? bytes * PENDING_MAX : PLAIN_BYTES_MAX;
    const size_t bytesMax = bytes > wanted ? bytes : wanted;
    std::free(plain);
    plain = static_cast<uint8_t*>(std::malloc(bytesMax));
    plainMax = plain == nullptr ? 0 : bytesMax;
    return plain != nullptr;
  }
};
/** Asked for once a call: each look at a thread's own variable is a call into the loader. */
inline thread_local Scratch threadScratch;

/** Size of a Record message without its tag and length. */
inline uint32_t recordBytes(const Place& place, uint32_t dataBytes) {
  const uint32_t explicitBytes = place.explicitIndexPlusOne == 0 ? 0 : 1 + varintBytes(place.explicitIndexPlusOne - 1);
  return 1 + varintBytes(place.keyIndex) + explicitBytes + 1 + varintBytes(dataBytes) + dataBytes;
}

inline uint32_t fieldBytes(uint32_t bytes) { return 1 + varintBytes(bytes) + bytes; }

/**
 * Which slices the frames that were written belong to, as pairs: a slice, and how many frames in a row are of it. Neighbours mostly are of one,
 * so whoever counts them needs not walk over the frames once more, which have left the cache by then.
 */
struct SliceRuns {
  View<uint32_t> pairs;
  uint32_t count = 0;
  uint32_t slice = 0;
  uint32_t frames = 0;
  /** False: there are more pairs than there is room for. */
  bool isWhole = true;

  void add(const FrameHeader& header) {
    const uint32_t next = header.slice & SLICE_MASK;
    if (next != slice) {
      flush();
      slice = next;
    }
    frames++;
  }
  void flush() {
    if (frames == 0) return;
    isWhole = isWhole && 2 * (size_t(count) + 1) <= pairs.length;
    if (isWhole) {
      pairs.data[2 * size_t(count)] = slice;
      pairs.data[2 * size_t(count) + 1] = frames;
      count++;
    }
    frames = 0;
  }
};

/** The frames of the next aggregate. */
struct Chosen {
  uint32_t frames = 0;
  size_t framesBytes = 0;
  uint64_t protoBytes = 0;
  bool isShort = false;
  /** There are fewer whole frames than announced. */
  bool isBroken = false;
};

/** Explicit hash keys are told apart by their 16 bytes as they lie in the frame. */
inline const uint8_t* hashOf(const uint8_t* frame) { return frame + FRAME_HASH_HIGH; }

/** First walk: as many frames as fit into `aggregateBytesMax`, at least one. */
inline Chosen choose(Scratch& scratch, const uint8_t* frame, const uint8_t* framesEnd, uint32_t countMax,
                     uint32_t aggregateBytesMax) {
  Chosen chosen;
  chosen.isShort = !scratch.keys.clear() || !scratch.explicitKeys.clear();
  while (chosen.frames < countMax && !chosen.isShort) {
    if (!isRecordWhole(frame, framesEnd)) {
      chosen.isBroken = true;
      break;
    }
    const FrameHeader header = loadHeader(frame);
    const uint8_t* key = frame + FRAME_HEADER_BYTES;
    const bool isExplicit = (header.flags & FLAG_EXPLICIT_HASH_KEY) != 0;
    if (!scratch.holdPlaces(chosen.frames + 1)) {
      chosen.isShort = true;
      break;
    }
    Place& place = scratch.places[chosen.frames];
    place.keyIndex = scratch.keys.find(key, header.keyBytes);
    place.explicitIndexPlusOne = isExplicit ? scratch.explicitKeys.find(hashOf(frame), 16) + 1 : 0;
    const bool isNewKey = place.keyIndex == scratch.keys.size();
    const bool isNewExplicit = isExplicit && place.explicitIndexPlusOne > scratch.explicitKeys.size();
    uint64_t added = fieldBytes(recordBytes(place, header.dataBytes));
    if (isNewKey) added += fieldBytes(header.keyBytes);
    if (isNewExplicit) {
      uint8_t decimal[DECIMAL_BYTES_MAX + 1];
      added += fieldBytes(uint32_t(writeDecimal(decimal, header.hashHigh, header.hashLow)));
    }
    if (chosen.frames > 0 && chosen.protoBytes + added + AGGREGATE_OVERHEAD_BYTES > aggregateBytesMax) break;
    if (isNewKey && !scratch.keys.add(key, header.keyBytes)) chosen.isShort = true;
    if (isNewExplicit && !scratch.explicitKeys.add(hashOf(frame), 16)) chosen.isShort = true;
    chosen.protoBytes += added;
    chosen.frames++;
    chosen.framesBytes += header.frameBytes;
    frame += header.frameBytes;
  }
  return chosen;
}

/** Second walk: magic and protobuf. The checksum's place is left open. */
inline uint8_t* writeAggregate(const Scratch& scratch, uint8_t* to, const uint8_t* frame, const Chosen& chosen, SliceRuns& runs) {
  to = putLiteral(to, "\xf3\x89\x9a\xc2");
  for (uint32_t i = 0; i < scratch.keys.size(); i++) {
    const KeyRef& key = scratch.keys.at(i);
    *to++ = 0x0a;
    to = putVarint(to, key.length);
    to = putShort(to, key.bytes, key.length);
  }
  for (uint32_t i = 0; i < scratch.explicitKeys.size(); i++) {
    uint64_t halves[2];
    std::memcpy(halves, scratch.explicitKeys.at(i).bytes, 16);
    *to++ = 0x12;
    *to = uint8_t(writeDecimal(to + 1, halves[0], halves[1]));
    to += 1 + *to;
  }
  for (uint32_t i = 0; i < chosen.frames; i++) {
    const FrameHeader header = loadHeader(frame);
    runs.add(header);
    const Place& place = scratch.places[i];
    *to++ = 0x1a;
    to = putVarint(to, recordBytes(place, header.dataBytes));
    *to++ = 0x08;
    to = putVarint(to, place.keyIndex);
    if (place.explicitIndexPlusOne > 0) {
      *to++ = 0x10;
      to = putVarint(to, place.explicitIndexPlusOne - 1);
    }
    *to++ = 0x1a;
    to = putVarint(to, header.dataBytes);
    to = put(to, frame + FRAME_HEADER_BYTES + header.keyBytes, header.dataBytes);
    frame += header.frameBytes;
  }
  return to;
}

}  // namespace millrace
