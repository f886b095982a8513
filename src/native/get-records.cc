// Get records: walks the CBOR answer of GetRecords and writes its records as RECORD frames, KPL aggregates taken apart.
// The portable twin is src/stream/answer-portable.ts. The answer comes from the network and is not trusted; what this file
// cannot read (chunked strings) it refuses, and the twin is asked.
#include <cstring>
#include <vector>

#include "addon.h"
#include "aggregate-reader.h"
#include "args.h"
#include "cbor-reader.h"
#include "frame.h"
#include "md5-many.h"

namespace millrace {
namespace {

struct Entry {
  TextRef data, key, sequence;
  double arrivalMs = 0;
  /** Where the entry starts, to come back to. */
  const uint8_t* from = nullptr;
  uint8_t checksum[AGGREGATE_CHECKSUM_BYTES];
  Slice slice() const { return {data.bytes, data.length}; }
};

bool readEntry(CborReader& reader, Entry& entry) {
  entry = Entry();
  entry.from = reader.position();
  uint64_t members;
  if (!reader.open(CborReader::MAP, members)) return false;
  TextRef name;
  while (reader.more(members)) {
    if (!reader.text(name)) return false;
    bool isRead;
    if (name.is("Data")) isRead = reader.byteString(entry.data);
    else if (name.is("PartitionKey")) isRead = reader.text(entry.key);
    else if (name.is("SequenceNumber")) isRead = reader.text(entry.sequence);
    else if (name.is("ApproximateArrivalTimestamp") && !reader.peekNull()) isRead = reader.number(entry.arrivalMs);
    else isRead = reader.skip(3);
    if (!isRead) return false;
  }
  return reader.isOk && entry.sequence.bytes != nullptr && entry.key.length <= UINT16_MAX;
}

/** outlineGetRecords(answer, outline): where the members lie. Returns false when the answer cannot be read here. */
bool outline(const View<uint8_t>& answer, uint32_t* cells) {
  for (uint32_t cell = 0; cell < OUTLINE_CELLS; cell++) cells[cell] = 0;
  CborReader reader(answer.data, answer.length);
  uint64_t members;
  if (!reader.open(CborReader::MAP, members)) return false;
  TextRef name;
  Entry entry;
  while (reader.more(members)) {
    if (!reader.text(name)) return false;
    const auto at = uint32_t(reader.position() - answer.data);
    if (name.is("Records")) {
      uint64_t items;
      if (!reader.open(CborReader::ARRAY, items)) return false;
      cells[OUTLINE_RECORDS_AT] = uint32_t(reader.position() - answer.data);
      // Of equal names the last one counts, alone.
      cells[OUTLINE_RECORD_COUNT] = 0;
      while (reader.more(items)) {
        cells[OUTLINE_RECORD_COUNT] += 1;
        // Read, not skipped: an answer with one record that cannot be read here is left to the portable reader as a whole.
        // (kinesis-local, for one, writes data as base64 text.)
        if (!readEntry(reader, entry)) return false;
      }
      continue;
    }
    if (name.is("NextShardIterator")) cells[OUTLINE_NEXT_ITERATOR_AT] = at;
    if (name.is("MillisBehindLatest")) cells[OUTLINE_MILLIS_AT] = at;
    if (name.is("ChildShards")) cells[OUTLINE_CHILD_SHARDS_AT] = at;
    if (!reader.skip(1)) return false;
  }
  return reader.isOk;
}

struct HashKey {
  uint64_t high = 0;
  uint64_t low = 0;
};

bool operator<(const HashKey& one, const HashKey& other) {
  return one.high != other.high ? one.high < other.high : one.low < other.low;
}

/** Zero for what is not a number of at most 39 digits. */
HashKey fromDecimal(const Slice& digits) {
  unsigned __int128 value = 0;
  if (digits.length > 39) return {};
  for (size_t i = 0; i < digits.length; i++) {
    if (digits.bytes[i] < '0' || digits.bytes[i] > '9') return {};
    value = value * 10 + uint8_t(digits.bytes[i] - '0');
  }
  return {uint64_t(value >> 64), uint64_t(value)};
}

/** Writes frames until no more fit. */
struct FrameWriter {
  uint8_t* out;
  size_t capacity;
  size_t used = 0;
  size_t needBytes = 0;

  bool write(const Slice& key, const Slice& data, uint32_t ordinal, uint64_t part, uint8_t flags, const HashKey& hash) {
    const uint64_t bytes = (uint64_t(FRAME_HEADER_BYTES) + key.length + data.length + 7) & ~uint64_t(7);
    if (bytes > capacity - used) {
      needBytes = bytes;
      return false;
    }
    uint8_t* frame = out + used;
    const FrameHeader header = {uint32_t(bytes), KIND_RECORD, flags, uint16_t(key.length), uint32_t(data.length), ordinal,
                                part, hash.high, hash.low};
    std::memcpy(frame, &header, sizeof header);
    // What is absent has no address either, and memcpy must have one.
    if (key.length > 0) std::memcpy(frame + FRAME_HEADER_BYTES, key.bytes, key.length);
    if (data.length > 0) std::memcpy(frame + FRAME_HEADER_BYTES + key.length, data.bytes, data.length);
    used += bytes;
    return true;
  }
};

/** Hash keys of an aggregate's parts, for those without an explicit one the MD5 of the partition key; keeps its memory between uses. */
struct PartHashes {
  std::vector<HashKey> keys;
  std::vector<Md5Job> jobs;

  /** @param range First and last hash key of the shard, two u64 each. @returns Whether all parts lie in it. */
  bool fill(const AggregateReader& aggregate, const uint64_t* range) {
    keys.assign(aggregate.count(), {});
    jobs.clear();
    for (size_t i = 0; i < keys.size(); i++) {
      const SubRecord part = aggregate.at(i);
      if (part.hasExplicitHashKey) keys[i] = fromDecimal(part.explicitHashKey);
      else jobs.push_back({part.key.bytes, part.key.length, reinterpret_cast<uint8_t*>(&keys[i])});
    }
    md5Many(jobs.data(), jobs.size());
    for (const Md5Job& job : jobs) {
      HashKey hash;
      std::memcpy(&hash, job.digest, 16);
      hash = {__builtin_bswap64(hash.high), __builtin_bswap64(hash.low)};
      std::memcpy(job.digest, &hash, 16);
    }
    for (const HashKey& key : keys)
      if (key < HashKey{range[0], range[1]} || HashKey{range[2], range[3]} < key) return false;
    return true;
  }
};
static_assert(sizeof(HashKey) == 16, "a hash key is what MD5 writes");

/** Entries that are read ahead, so that their checksums are computed side by side; and how many bytes, because they may be read again. */
constexpr size_t AHEAD_ENTRIES = 16;
constexpr size_t AHEAD_BYTES = 1 << 20;

struct Decoder {
  const View<uint8_t>& answer;
  uint32_t* cursor;
  FrameWriter writer;
  double* index;
  /** Null: hash keys are neither computed nor checked. */
  const uint64_t* range;
  AggregateReader aggregate;
  PartHashes hashes;
  uint32_t outsideCount = 0;

  /** @returns False when the answer is malformed. */
  bool run() {
    CborReader reader(answer.data + cursor[CURSOR_AT], answer.length - cursor[CURSOR_AT]);
    while (cursor[CURSOR_LEFT] > 0) {
      Entry entries[AHEAD_ENTRIES];
      Md5Job jobs[AHEAD_ENTRIES];
      size_t count = 0, jobCount = 0, jobBytes = 0;
      while (count < AHEAD_ENTRIES && count < cursor[CURSOR_LEFT] && jobBytes < AHEAD_BYTES) {
        Entry& entry = entries[count++];
        if (!readEntry(reader, entry)) return false;
        if (!hasAggregateMagic(entry.slice())) continue;
        const Slice message = aggregateMessage(entry.slice());
        jobs[jobCount++] = {message.bytes, message.length, entry.checksum};
        jobBytes += message.length;
      }
      if (jobCount > 0) md5Many(jobs, jobCount);
      for (size_t i = 0; i < count; i++) {
        cursor[CURSOR_AT] = uint32_t(entries[i].from - answer.data);
        if (!emit(entries[i])) return true;
        cursor[CURSOR_AT] = uint32_t((i + 1 < count ? entries[i + 1].from : reader.position()) - answer.data);
        cursor[CURSOR_LEFT] -= 1;
        cursor[CURSOR_SUB] = 0;
        cursor[CURSOR_ORDINAL] += 1;
      }
    }
    return true;
  }

  /** @returns False when the frames did not fit. */
  bool emit(const Entry& entry) {
    double* row = index + size_t(cursor[CURSOR_ORDINAL]) * INDEX_COLUMNS;
    row[INDEX_SEQUENCE_AT] = double(entry.sequence.bytes - answer.data);
    row[INDEX_SEQUENCE_BYTES] = double(entry.sequence.length);
    row[INDEX_ARRIVAL_MS] = entry.arrivalMs;
    row[INDEX_PARTS] = 0;
    const Slice data = entry.slice();
    if (hasAggregateMagic(data)) {
      const Slice message = aggregateMessage(data);
      if (std::memcmp(entry.checksum, message.bytes + message.length, AGGREGATE_CHECKSUM_BYTES) != 0) {
        row[INDEX_PARTS] = PARTS_BAD_CHECKSUM;
      } else if (!aggregate.open(message)) {
        row[INDEX_PARTS] = PARTS_MALFORMED;
      } else {
        row[INDEX_PARTS] = double(aggregate.count());
        return emitParts();
      }
    }
    return writer.write({entry.key.bytes, entry.key.length}, data, cursor[CURSOR_ORDINAL], 0, 0, {});
  }

  /** One part outside the shard's range condemns all of them: the client library drops the aggregate as a whole. */
  bool emitParts() {
    const bool isDropped = range != nullptr && !hashes.fill(aggregate, range);
    for (; cursor[CURSOR_SUB] < aggregate.count(); cursor[CURSOR_SUB]++) {
      const SubRecord part = aggregate.at(cursor[CURSOR_SUB]);
      HashKey hash;
      if (range != nullptr) hash = hashes.keys[cursor[CURSOR_SUB]];
      else if (part.hasExplicitHashKey) hash = fromDecimal(part.explicitHashKey);
      const uint8_t flags = (part.hasExplicitHashKey ? FLAG_EXPLICIT_HASH_KEY : 0) | (isDropped ? FLAG_DROPPED : 0);
      if (!writer.write(part.key, part.data, cursor[CURSOR_ORDINAL], cursor[CURSOR_SUB], flags, hash)) return false;
      if (isDropped) outsideCount += 1;
    }
    return true;
  }
};

napi_value outlineGetRecords(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const View<uint32_t> cells = viewOf<uint32_t>(env, args[1]);
  if (cells.length < OUTLINE_CELLS) return refuse(env, "Cannot outline an answer to GetRecords: the outline has no room");
  napi_value result;
  napi_get_boolean(env, outline(viewOf<uint8_t>(env, args[0]), cells.data), &result);
  return result;
}

/**
 * decodeGetRecords(answer, cursor, out, index, range | null): writes frames from the cursor on, as many as fit, and moves it on.
 * The frame's slice is the record's ordinal in the answer, its lineOffset the sub-record's number. With a range (four u64: first and
 * last hash key) sub-records get their hash keys; all of an aggregate that reaches beyond the range are flagged, and counted in the cursor.
 * Returns the bytes written, or -1 when the answer is malformed.
 */
napi_value decodeGetRecords(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const View<uint8_t> answer = viewOf<uint8_t>(env, args[0]);
  const View<uint32_t> cells = viewOf<uint32_t>(env, args[1]);
  const View<uint8_t> out = viewOf<uint8_t>(env, args[2]);
  const View<double> index = viewOf<double>(env, args[3]);
  const View<uint64_t> range = viewOf<uint64_t>(env, args[4]);
  uint32_t* cursor = cells.data;
  if (cells.length < CURSOR_CELLS || cursor[CURSOR_AT] > answer.length)
    return refuse(env, "Cannot read an answer to GetRecords: the cursor is none");
  if (index.length < (uint64_t(cursor[CURSOR_ORDINAL]) + cursor[CURSOR_LEFT]) * INDEX_COLUMNS)
    return refuse(env, "Cannot read an answer to GetRecords: the index has fewer rows than it has records");
  if (range.length != 0 && range.length < 4) return refuse(env, "Cannot read an answer to GetRecords: the range is none");
  thread_local AggregateReader aggregate;
  thread_local PartHashes hashes;
  Decoder decoder{answer, cursor, {out.data, out.length}, index.data,
                  range.data, std::move(aggregate), std::move(hashes)};
  const bool isOk = decoder.run();
  aggregate = std::move(decoder.aggregate);
  hashes = std::move(decoder.hashes);
  cursor[CURSOR_NEED_BYTES] = uint32_t(decoder.writer.needBytes);
  cursor[CURSOR_OUTSIDE] += decoder.outsideCount;
  return numberOf(env, isOk ? double(decoder.writer.used) : -1);
}

}  // namespace

void registerGetRecords(napi_env env, napi_value exports) {
  exportFunction(env, exports, "outlineGetRecords", outlineGetRecords);
  exportFunction(env, exports, "decodeGetRecords", decodeGetRecords);
}

}  // namespace millrace
