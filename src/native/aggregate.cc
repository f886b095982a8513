// Aggregate: the body of a PutRecords request whose entries are KPL aggregated records (aggregation-format.md of
// awslabs/amazon-kinesis-producer): magic, protobuf AggregatedRecord, MD5 of the protobuf bytes.
//
//   AggregatedRecord { 1: repeated string partition_key_table; 2: repeated string explicit_hash_key_table;
//                      3: repeated Record { 1: uint64 partition_key_index; 2: optional uint64 explicit_hash_key_index; 3: bytes data } }
//
// Each aggregate is walked twice: once to choose its frames and number their keys, once to write it. The checksums are
// computed for several aggregates at a time, because one MD5 alone is slower than everything else together.
#include "args.h"
#include "body.h"
#include "codec.h"
#include "frame.h"
#include "key-table.h"
#include "md5-many.h"

namespace millrace {
namespace {

constexpr uint32_t ENTRIES_MAX = 500;
constexpr uint32_t MAGIC_BYTES = 4;
constexpr uint32_t CHECKSUM_BYTES = 16;
/** Magic, checksum and the aggregate's own partition key "a". */
constexpr uint32_t AGGREGATE_OVERHEAD_BYTES = MAGIC_BYTES + CHECKSUM_BYTES + 1;
/** Aggregates whose checksums are computed together: what still lies in the core's own cache. */
constexpr uint32_t PENDING_MAX = 8;

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
    std::free(plain);
    plain = static_cast<uint8_t*>(std::malloc(bytes));
    plainMax = plain == nullptr ? 0 : bytes;
    return plain != nullptr;
  }
};
thread_local Scratch scratch;

/** Size of a Record message without its tag and length. */
inline uint32_t recordBytes(const Place& place, uint32_t dataBytes) {
  const uint32_t explicitBytes = place.explicitIndexPlusOne == 0 ? 0 : 1 + varintBytes(place.explicitIndexPlusOne - 1);
  return 1 + varintBytes(place.keyIndex) + explicitBytes + 1 + varintBytes(dataBytes) + dataBytes;
}

inline uint32_t fieldBytes(uint32_t bytes) { return 1 + varintBytes(bytes) + bytes; }

/** The frames of the next aggregate. */
struct Chosen {
  uint32_t frames = 0;
  size_t framesBytes = 0;
  uint64_t protoBytes = 0;
  bool isShort = false;
};

/** Explicit hash keys are told apart by their 16 bytes as they lie in the frame. */
inline const uint8_t* hashOf(const uint8_t* frame) { return frame + FRAME_HASH_HIGH; }

/** First walk: as many frames as fit into `aggregateBytesMax`, at least one. */
Chosen choose(const uint8_t* frame, uint32_t countMax, uint32_t aggregateBytesMax) {
  Chosen chosen;
  chosen.isShort = !scratch.keys.clear() || !scratch.explicitKeys.clear();
  while (chosen.frames < countMax && !chosen.isShort) {
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
uint8_t* writeAggregate(uint8_t* to, const uint8_t* frame, const Chosen& chosen) {
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

struct Request {
  const uint8_t* frames;
  uint32_t count;
  View<uint8_t> suffix;
  View<uint8_t> explicitKey;
  uint32_t aggregateBytesMax;
  uint32_t requestBytesMax;
  uint8_t* out;
  uint32_t* entryCounts;
};

struct Written {
  size_t bytes = 0;
  uint32_t entries = 0;
  uint32_t frames = 0;
  size_t framesBytes = 0;
  bool isShort = false;
};

/** Aggregates that are written but have no checksum yet. */
struct Pending {
  Md5Job jobs[PENDING_MAX];
  uint32_t count = 0;
  void add(uint8_t* proto, size_t bytes) {
    jobs[count++] = {proto, bytes, proto + bytes};
    if (count == PENDING_MAX) flush();
  }
  void flush() {
    md5Many(jobs, count);
    count = 0;
  }
};

template <typename Body>
uint8_t* writeAlone(uint8_t* to, bool isFirst, const uint8_t* frame, const FrameHeader& header) {
  uint8_t decimal[DECIMAL_BYTES_MAX + 1];
  Entry entry{frame + FRAME_HEADER_BYTES, header.keyBytes, decimal, 0};
  if (header.flags & FLAG_EXPLICIT_HASH_KEY)
    entry.explicitBytes = uint32_t(writeDecimal(decimal, header.hashHigh, header.hashLow));
  to = Body::openEntry(to, isFirst, entry, header.dataBytes);
  to = Body::putData(to, entry.key + header.keyBytes, header.dataBytes);
  return Body::closeEntry(to, entry);
}

template <typename Body, bool IS_PLAIN>
Written encode(const Request& request) {
  static const uint8_t aggregateKey[1] = {'a'};
  Written written;
  Pending pending;
  uint64_t requestBytes = 0;
  const uint8_t* frame = request.frames;
  uint8_t* to = Body::open(request.out);
  const uint32_t aggregateBytesMax =
      request.aggregateBytesMax < request.requestBytesMax ? request.aggregateBytesMax : request.requestBytesMax;
  while (written.frames < request.count && written.entries < ENTRIES_MAX) {
    const Chosen chosen = choose(frame, request.count - written.frames, aggregateBytesMax);
    if (chosen.isShort) {
      written.isShort = true;
      break;
    }
    const FrameHeader first = loadHeader(frame);
    const bool isAlone = chosen.frames == 1;
    const uint64_t entryBytes =
        isAlone ? uint64_t(first.dataBytes) + first.keyBytes : chosen.protoBytes + AGGREGATE_OVERHEAD_BYTES;
    if (written.entries > 0 && requestBytes + entryBytes > request.requestBytesMax) break;
    if (isAlone) {
      to = writeAlone<Body>(to, written.entries == 0, frame, first);
    } else {
      const Entry entry{aggregateKey, 1, request.explicitKey.data, uint32_t(request.explicitKey.length)};
      const uint32_t dataBytes = uint32_t(chosen.protoBytes) + MAGIC_BYTES + CHECKSUM_BYTES;
      to = Body::openEntry(to, written.entries == 0, entry, dataBytes);
      if constexpr (IS_PLAIN) {
        uint8_t* end = writeAggregate(to, frame, chosen);
        pending.add(to + MAGIC_BYTES, chosen.protoBytes);
        to = end + CHECKSUM_BYTES;
      } else {
        // Base64 mixes the bytes, so the checksum has to be there before.
        if (!scratch.holdPlain(dataBytes)) {
          written.isShort = true;
          break;
        }
        uint8_t* end = writeAggregate(scratch.plain, frame, chosen);
        const Md5Job job{scratch.plain + MAGIC_BYTES, chosen.protoBytes, end};
        md5Many(&job, 1);
        to = Body::putData(to, scratch.plain, dataBytes);
      }
      to = Body::closeEntry(to, entry);
    }
    request.entryCounts[written.entries++] = chosen.frames;
    requestBytes += entryBytes;
    written.frames += chosen.frames;
    written.framesBytes += chosen.framesBytes;
    frame += chosen.framesBytes;
  }
  pending.flush();
  to = Body::close(request.out, to, written.entries, request.suffix.data, request.suffix.length);
  written.bytes = size_t(to - request.out);
  return written;
}

}  // namespace

napi_value encodeAggregated(napi_env env, napi_callback_info info) {
  Args<10> args(env, info);
  Request request;
  request.frames = viewOf<uint8_t>(env, args[0]).data;
  request.count = u32Of(env, args[1]);
  const bool isJson = u32Of(env, args[2]) != 0;
  request.suffix = viewOf<uint8_t>(env, args[3]);
  request.explicitKey = viewOf<uint8_t>(env, args[4]);
  request.aggregateBytesMax = u32Of(env, args[5]);
  request.requestBytesMax = u32Of(env, args[6]);
  request.out = viewOf<uint8_t>(env, args[7]).data;
  request.entryCounts = viewOf<uint32_t>(env, args[8]).data;
  View<double> result = viewOf<double>(env, args[9]);
  const Written written = isJson ? encode<JsonBody, false>(request) : encode<CborBody, true>(request);
  if (written.isShort) {
    napi_throw_error(env, nullptr, "Cannot encode an aggregated request: out of memory");
    return nullptr;
  }
  result.data[0] = double(written.bytes);
  result.data[1] = written.entries;
  result.data[2] = written.frames;
  result.data[3] = double(written.framesBytes);
  return nullptr;
}

}  // namespace millrace
