// Shape edit: see shape-edit.h.
#include "shape-edit.h"

#include <algorithm>

namespace millrace {
namespace {

/** The characters of a text, lone surrogates as U+FFFD; the bytes of anything else as they are. */
void writeHash(const HmacKey& key, HashJobs& jobs, const uint8_t* value, const uint8_t* end, uint8_t* out) {
  if (value == jobs.watched) jobs.watchedOut = out;
  const bool isText = *value == '"';
  const uint8_t* at = value + isText;
  end -= isText;
  const bool isPlain = !isText || std::memchr(at, '\\', size_t(end - at)) == nullptr;
  if (isPlain && size_t(end - at) <= HASH_JOB_BYTES_MAX) return jobs.add(key, at, uint32_t(end - at), out);
  Hmac hmac(*jobs.kernel, key);
  if (isPlain) {
    hmac.add(at, size_t(end - at));
  } else {
    while (at < end) {
      uint32_t point = readCharacter(at, end);
      if ((point & LONE_SURROGATE) != 0) point = 0xfffd;
      uint8_t bytes[4];
      hmac.add(bytes, writeCharacter(point, bytes));
    }
  }
  hmac.writeText(out);
}

}  // namespace

void sortSplices(SpliceList& splices) {
  auto isBefore = [](const Splice& one, const Splice& other) {
    return one.at != other.at ? one.at < other.at : one.order < other.order;
  };
  Splice* end = splices.items + splices.count;
  if (!std::is_sorted(splices.items, end, isBefore)) std::sort(splices.items, end, isBefore);
}

uint64_t splicedBytesMax(const ShapeProgram& program, const SpliceList& splices, uint64_t dataBytes) {
  uint64_t bytes = dataBytes;
  for (uint32_t i = 0; i < splices.count; i++) {
    const uint32_t text = splices.items[i].text;
    if (text != SHAPE_NONE) bytes += 1 + (text == SPLICE_HASH ? HASH_TEXT_BYTES : program.texts[text].length);
  }
  return bytes;
}

uint32_t writeSplices(const ShapeProgram& program, const SpliceList& splices, ByteRange data, HashJobs& jobs, uint8_t* out) {
  uint8_t* to = out;
  const uint8_t* at = data.start;
  for (uint32_t i = 0; i < splices.count; i++) {
    const Splice& splice = splices.items[i];
    std::memcpy(to, at, size_t(splice.at - at));
    to += splice.at - at;
    at = splice.at + splice.removed;
    if (splice.text == SHAPE_NONE) continue;
    if (splice.needsComma) *to++ = ',';
    if (splice.text == SPLICE_HASH) {
      writeHash(program.hashKey, jobs, splice.at, at, to);
      to += HASH_TEXT_BYTES;
      continue;
    }
    const ShapeText& text = program.texts[splice.text];
    std::memcpy(to, text.bytes, text.length);
    to += text.length;
  }
  std::memcpy(to, at, size_t(data.end - at));
  return uint32_t(to + (data.end - at) - out);
}

}  // namespace millrace
