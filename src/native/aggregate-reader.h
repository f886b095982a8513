// Aggregate reader: takes a KPL aggregated record apart in place. Twin of deaggregate() in src/record/aggregate.ts: what one takes
// for an aggregate, the other does too. The bytes come from the stream and are not trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "constants.h"

namespace millrace {

constexpr uint8_t AGGREGATE_MAGIC[4] = {0xf3, 0x89, 0x9a, 0xc2};

struct Slice {
  const uint8_t* bytes = nullptr;
  size_t length = 0;
};

/** Whether the data starts like an aggregate and is long enough to be one; its checksum is another matter. */
inline bool hasAggregateMagic(const Slice& data) {
  return data.length >= sizeof AGGREGATE_MAGIC + AGGREGATE_CHECKSUM_BYTES &&
         std::memcmp(data.bytes, AGGREGATE_MAGIC, sizeof AGGREGATE_MAGIC) == 0;
}

/** The protobuf message between magic and checksum. */
inline Slice aggregateMessage(const Slice& data) {
  return {data.bytes + sizeof AGGREGATE_MAGIC, data.length - sizeof AGGREGATE_MAGIC - AGGREGATE_CHECKSUM_BYTES};
}

/** A cursor over the fields of one protobuf message. After the first fault `isWhole` is false and there are no more fields. */
class ProtoReader {
 public:
  explicit ProtoReader(const Slice& message) : at_(message.bytes), end_(message.bytes + message.length) {}

  static constexpr uint64_t VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;
  uint64_t field = 0;
  uint64_t wire = 0;
  uint64_t varint = 0;
  Slice bytes;
  bool isWhole = true;

  bool next() {
    if (!isWhole || at_ == end_) return false;
    const uint64_t tag = readVarint();
    field = tag >> 3;
    wire = tag & 7;
    if (wire == VARINT) varint = readVarint();
    else if (wire == BYTES) bytes = take(readVarint());
    else if (wire == FIXED64) take(8);
    else if (wire == FIXED32) take(4);
    else isWhole = false;
    return isWhole;
  }

 private:
  Slice take(uint64_t length) {
    if (length > uint64_t(end_ - at_)) {
      isWhole = false;
      return {};
    }
    const Slice taken = {at_, size_t(length)};
    at_ += length;
    return taken;
  }

  /** At most eight bytes, 2^53: as much as JavaScript reads. */
  uint64_t readVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 56 && at_ < end_; shift += 7) {
      const uint8_t byte = *at_++;
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128 && value < (uint64_t(1) << 53)) return value;
      if (byte < 128) break;
    }
    isWhole = false;
    return 0;
  }

  const uint8_t* at_;
  const uint8_t* end_;
};

struct SubRecord {
  Slice key;
  /** In decimal; no bytes where the record has none. */
  Slice explicitHashKey;
  bool hasExplicitHashKey = false;
  Slice data;
};

/** An aggregate whose checksum is right. Keeps its tables between uses, so that memory is allocated seldom. */
class AggregateReader {
 public:
  /** @returns False when this is not the message that the format describes. */
  bool open(const Slice& message) {
    keys_.clear();
    explicitKeys_.clear();
    records_.clear();
    ProtoReader reader(message);
    while (reader.next()) {
      if (reader.wire != ProtoReader::BYTES) continue;
      if (reader.field == 1) keys_.push_back(reader.bytes);
      else if (reader.field == 2) explicitKeys_.push_back(reader.bytes);
      else if (reader.field == 3 && !addRecord(reader.bytes)) return false;
    }
    if (!reader.isWhole) return false;
    for (const Row& row : records_) {
      if (row.keyIndex >= keys_.size() || keys_[row.keyIndex].length > UINT16_MAX) return false;
      if (row.hasExplicitHashKey && row.explicitIndex >= explicitKeys_.size()) return false;
    }
    return true;
  }

  size_t count() const { return records_.size(); }

  SubRecord at(size_t index) const {
    const Row& row = records_[index];
    return {keys_[row.keyIndex], row.hasExplicitHashKey ? explicitKeys_[row.explicitIndex] : Slice{}, row.hasExplicitHashKey,
            row.data};
  }

 private:
  struct Row {
    uint64_t keyIndex = 0;
    uint64_t explicitIndex = 0;
    bool hasKey = false;
    bool hasExplicitHashKey = false;
    bool hasData = false;
    Slice data;
  };

  bool addRecord(const Slice& message) {
    Row row;
    ProtoReader reader(message);
    while (reader.next()) {
      if (reader.field == 1 && reader.wire == ProtoReader::VARINT) {
        row.keyIndex = reader.varint;
        row.hasKey = true;
      } else if (reader.field == 2 && reader.wire == ProtoReader::VARINT) {
        row.explicitIndex = reader.varint;
        row.hasExplicitHashKey = true;
      } else if (reader.field == 3 && reader.wire == ProtoReader::BYTES) {
        row.data = reader.bytes;
        row.hasData = true;
      }
    }
    records_.push_back(row);
    return reader.isWhole && row.hasKey && row.hasData;
  }

  std::vector<Slice> keys_;
  std::vector<Slice> explicitKeys_;
  std::vector<Row> records_;
};

}  // namespace millrace
