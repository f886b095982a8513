// Aggregate: the body of a PutRecords request whose entries are KPL aggregated records. The checksums are computed for several
// aggregates at a time, because one MD5 alone is slower than everything else together.
#include "aggregate-record.h"
#include "args.h"
#include "codec.h"
#include "md5-many.h"

namespace millrace {
namespace {

/** Two requests have some 24 aggregates. */
constexpr size_t SUMS_AT_ONCE = 64;

struct Request {
  View<uint8_t> frames;
  uint32_t count;
  View<uint8_t> suffix;
  View<uint8_t> explicitKey;
  uint32_t aggregateBytesMax;
  uint32_t requestBytesMax;
  View<uint8_t> out;
  View<uint32_t> entryCounts;
  View<uint32_t> sliceRuns;
  /** Empty: checksums are computed at once. */
  View<uint32_t> sums;
};

struct Written {
  size_t bytes = 0;
  uint32_t entries = 0;
  uint32_t frames = 0;
  size_t framesBytes = 0;
  /** Pairs of `sliceRuns`; 0: there are more. */
  uint32_t sliceRuns = 0;
  /** Aggregates whose checksum is missing. */
  uint32_t sums = 0;
  bool isShort = false;
  /** These are not frames, or what is made of them does not fit. */
  bool isRefused = false;
};

/**
 * Aggregates that are written but have no checksum yet. In CBOR they lie in the body already, with room for the checksum. In
 * JSON they lie in scratch memory until they can be put into the body, because Base64 mixes the bytes.
 */
struct Pending {
  Md5Job jobs[PENDING_MAX];
  uint32_t count = 0;
  size_t plainBytes = 0;

  void add(uint8_t* proto, size_t bytes) { jobs[count++] = {proto, bytes, proto + bytes}; }
  bool isFull() const { return count == PENDING_MAX; }
  void complete() { md5Many(jobs, count); }
  void clear() {
    count = 0;
    plainBytes = 0;
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

/** One request under construction. */
template <typename Body, bool IS_PLAIN>
struct Encoder {
  const Request& request;
  Scratch& scratch = threadScratch;
  Written written;
  Pending pending;
  SliceRuns runs;
  uint8_t* to;
  /** Behind every entry there is room for the suffix. */
  const uint8_t* end;
  bool isFirst = true;

  /** @param source Its buffer has room for what surrounds the entries. */
  explicit Encoder(const Request& source)
      : request(source), runs{source.sliceRuns}, to(Body::open(source.out.data)), end(source.out.data + source.out.length - source.suffix.length) {}

  bool hasRoom(const Entry& entry, uint64_t dataBytes) {
    if (dataBytes > UINT32_MAX || Body::entryBytesMax(entry, uint32_t(dataBytes)) > size_t(end - to)) written.isRefused = true;
    return !written.isRefused;
  }

  Entry aggregateEntry() const {
    static const uint8_t key[1] = {'a'};
    return {key, 1, request.explicitKey.data, uint32_t(request.explicitKey.length)};
  }

  /** Gives the pending aggregates their checksums and, in JSON, their places in the body. @returns False without room. */
  bool flush() {
    pending.complete();
    if constexpr (!IS_PLAIN) {
      for (uint32_t i = 0; i < pending.count; i++) {
        const Md5Job& job = pending.jobs[i];
        const uint32_t dataBytes = uint32_t(job.bytes) + MAGIC_BYTES + CHECKSUM_BYTES;
        if (!hasRoom(aggregateEntry(), dataBytes)) return false;
        to = Body::openEntry(to, isFirst, aggregateEntry(), dataBytes);
        to = Body::putData(to, job.message - MAGIC_BYTES, dataBytes);
        to = Body::closeEntry(to, aggregateEntry());
        isFirst = false;
      }
    }
    pending.clear();
    return true;
  }

  bool putAlone(const uint8_t* frame, const FrameHeader& header) {
    if constexpr (!IS_PLAIN) {
      if (!flush()) return false;  // entries keep the order of the frames
    }
    if (!hasRoom({nullptr, header.keyBytes, nullptr, 0}, header.dataBytes)) return false;
    to = writeAlone<Body>(to, isFirst, frame, header);
    runs.add(header);
    isFirst = false;
    return true;
  }

  /** @returns False when memory or the buffer is short. */
  bool putAggregate(const uint8_t* frame, const Chosen& chosen) {
    const uint32_t dataBytes = uint32_t(chosen.protoBytes) + MAGIC_BYTES + CHECKSUM_BYTES;
    if (!hasRoom(aggregateEntry(), chosen.protoBytes + MAGIC_BYTES + CHECKSUM_BYTES)) return false;
    if constexpr (IS_PLAIN) {
      to = Body::openEntry(to, isFirst, aggregateEntry(), dataBytes);
      isFirst = false;
      uint8_t* proto = to + MAGIC_BYTES;
      to = writeAggregate(scratch, to, frame, chosen, runs) + CHECKSUM_BYTES;
      to = Body::closeEntry(to, aggregateEntry());
      if (request.sums.length >= 2 * (size_t(written.sums) + 1)) {
        request.sums.data[2 * written.sums] = uint32_t(proto - request.out.data);
        request.sums.data[2 * written.sums + 1] = uint32_t(chosen.protoBytes);
        written.sums++;
        return true;
      }
      pending.add(proto, chosen.protoBytes);
    } else {
      // Growing moves the memory, so what is pending goes out before.
      if (pending.plainBytes + dataBytes > scratch.plainMax && !flush()) return false;
      if (!scratch.holdPlain(dataBytes)) {
        written.isShort = true;
        return false;
      }
      uint8_t* start = scratch.plain + pending.plainBytes;
      writeAggregate(scratch, start, frame, chosen, runs);
      pending.plainBytes += dataBytes;
      pending.add(start + MAGIC_BYTES, chosen.protoBytes);
    }
    return !pending.isFull() || flush();
  }

  Written run() {
    uint64_t requestBytes = 0;
    const uint8_t* frame = request.frames.data;
    const uint8_t* const framesEnd = frame + request.frames.length;
    const uint32_t entriesMax =
        request.entryCounts.length < PUT_RECORDS_COUNT_MAX ? uint32_t(request.entryCounts.length) : PUT_RECORDS_COUNT_MAX;
    const uint32_t aggregateBytesMax =
        request.aggregateBytesMax < request.requestBytesMax ? request.aggregateBytesMax : request.requestBytesMax;
    while (written.frames < request.count && written.entries < entriesMax) {
      const Chosen chosen = choose(scratch, frame, framesEnd, request.count - written.frames, aggregateBytesMax);
      written.isShort = chosen.isShort;
      written.isRefused = chosen.isBroken;
      if (chosen.isShort || chosen.isBroken) break;
      const FrameHeader first = loadHeader(frame);
      const bool isAlone = chosen.frames == 1;
      const uint64_t entryBytes =
          isAlone ? uint64_t(first.dataBytes) + first.keyBytes : chosen.protoBytes + AGGREGATE_OVERHEAD_BYTES;
      if (written.entries > 0 && requestBytes + entryBytes > request.requestBytesMax) break;
      if (!(isAlone ? putAlone(frame, first) : putAggregate(frame, chosen))) break;
      request.entryCounts.data[written.entries++] = chosen.frames;
      requestBytes += entryBytes;
      written.frames += chosen.frames;
      written.framesBytes += chosen.framesBytes;
      frame += chosen.framesBytes;
    }
    if (written.isShort || written.isRefused || !flush()) return written;
    to = Body::close(request.out.data, to, written.entries, request.suffix.data, request.suffix.length);
    written.bytes = size_t(to - request.out.data);
    runs.flush();
    written.sliceRuns = runs.isWhole ? runs.count : 0;
    return written;
  }
};

}  // namespace

napi_value encodeAggregated(napi_env env, napi_callback_info info) {
  Args<12> args(env, info);
  Request request;
  request.frames = viewOf<uint8_t>(env, args[0]);
  request.count = u32Of(env, args[1]);
  const bool isJson = u32Of(env, args[2]) != 0;
  request.suffix = viewOf<uint8_t>(env, args[3]);
  request.explicitKey = viewOf<uint8_t>(env, args[4]);
  request.aggregateBytesMax = u32Of(env, args[5]);
  request.requestBytesMax = u32Of(env, args[6]);
  request.out = viewOf<uint8_t>(env, args[7]);
  request.entryCounts = viewOf<uint32_t>(env, args[8]);
  request.sliceRuns = viewOf<uint32_t>(env, args[9]);
  request.sums = viewOf<uint32_t>(env, args[10]);
  View<double> result = viewOf<double>(env, args[11]);
  if (result.length < 6) return refuse(env, "Cannot encode an aggregated request: the result has no room");
  if (request.out.length < OPENING_BYTES_MAX + request.suffix.length)
    return refuse(env, "Cannot encode an aggregated request: its buffer is too small");
  if (request.explicitKey.length > DECIMAL_BYTES_MAX)
    return refuse(env, "Cannot encode an aggregated request: its hash key is none");
  const Written written = isJson ? Encoder<JsonBody, false>(request).run() : Encoder<CborBody, true>(request).run();
  if (written.isShort) {
    napi_throw_error(env, nullptr, "Cannot encode an aggregated request: out of memory");
    return nullptr;
  }
  if (written.isRefused)
    return refuse(env, "Cannot encode an aggregated request: its frames are none, or its buffer is too small");
  result.data[0] = double(written.bytes);
  result.data[1] = written.entries;
  result.data[2] = written.frames;
  result.data[3] = double(written.framesBytes);
  result.data[4] = written.sliceRuns;
  result.data[5] = written.sums;
  return nullptr;
}

/** sumAggregates(bodies, sums): writes the checksums that `encodeAggregated` has left out, of all bodies at once. */
napi_value sumAggregates(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  uint32_t count = 0;
  napi_get_array_length(env, args[0], &count);
  Md5Job jobs[SUMS_AT_ONCE];
  size_t jobCount = 0;
  for (uint32_t i = 0; i < count; i++) {
    napi_value item = nullptr;
    napi_get_element(env, args[0], i, &item);
    const View<uint8_t> body = viewOf<uint8_t>(env, item);
    napi_get_element(env, args[1], i, &item);
    const View<uint32_t> sums = viewOf<uint32_t>(env, item);
    for (size_t at = 0; at + 1 < sums.length; at += 2) {
      const uint64_t start = sums.data[at];
      const uint64_t bytes = sums.data[at + 1];
      if (start + bytes + CHECKSUM_BYTES > body.length) return refuse(env, "Cannot compute a checksum: there is no such aggregate");
      jobs[jobCount++] = {body.data + start, size_t(bytes), body.data + start + bytes};
      if (jobCount < SUMS_AT_ONCE) continue;
      md5Many(jobs, jobCount);
      jobCount = 0;
    }
  }
  if (jobCount > 0) md5Many(jobs, jobCount);
  return nullptr;
}

}  // namespace millrace
