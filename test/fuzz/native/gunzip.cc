// Fuzz target: the gzip decoder beside zlib, over any bytes, each cut in its own way: both give the same content, end alike, say the same, and
// have understood the bytes up to the same bit. Bytes: [0] room for content in a step; [1] bytes of input in a step; [2] whether a sound head is
// put before the rest, and whether only instructions that all processors have are used; then a member.
#include "fuzz.h"

#include <vector>

#include "../../../src/native/gunzip.cc"
#include "../../../src/native/gunzip-fast.cc"

extern "C" {
struct ZStream {
  const uint8_t* nextIn;
  unsigned availIn;
  unsigned long totalIn;
  uint8_t* nextOut;
  unsigned availOut;
  unsigned long totalOut;
  const char* message;
  void* state;
  void* (*allocate)(void*, unsigned, unsigned);
  void (*release)(void*, void*);
  void* opaque;
  int dataType;
  unsigned long adler;
  unsigned long reserved;
};
const char* zlibVersion();
int inflateInit2_(ZStream*, int windowBits, const char* version, int streamBytes);
int inflate(ZStream*, int flush);
int inflateEnd(ZStream*);
}

namespace {

constexpr size_t CONTENT_BYTES_MAX = 1 << 18;
uint8_t content[CONTENT_BYTES_MAX];
constexpr int GZIP_WINDOW_BITS = 15 + 16;

struct Outcome {
  std::vector<uint8_t> content;
  size_t understoodBits = 0;
  const char* why = "";
  bool isEnd = false;
};

void byZlib(const Exact& input, Outcome& outcome) {
  ZStream stream = {};
  if (inflateInit2_(&stream, GZIP_WINDOW_BITS, zlibVersion(), sizeof stream) != 0) std::abort();
  stream.nextIn = input.data;
  stream.availIn = unsigned(input.size);
  stream.nextOut = content;
  stream.availOut = CONTENT_BYTES_MAX;
  const int result = inflate(&stream, 0);
  outcome.content.assign(content, stream.nextOut);
  outcome.understoodBits = (input.size - stream.availIn) * 8 - size_t(stream.dataType & 63);
  outcome.isEnd = result == 1;
  if (result != 0 && result != 1 && result != -5) outcome.why = stream.message;
  inflateEnd(&stream);
}

void byGunzip(const Exact& input, size_t inBytes, size_t outBytes, bool isPlain, Outcome& outcome) {
  static millrace::Gunzip decoder;
  decoder.isPlain = isPlain;
  decoder.reset();
  for (size_t at = 0;;) {
    const size_t offered = input.size - at < inBytes ? input.size - at : inBytes;
    const Exact part(input.data + at, offered);
    std::vector<uint8_t> room(outBytes);
    const auto result = decoder.step(part.data, part.size, room.data(), room.size());
    at += decoder.consumed;
    outcome.content.insert(outcome.content.end(), room.begin(), room.begin() + long(decoder.produced));
    outcome.understoodBits = at * 8 - decoder.unusedBits();
    outcome.isEnd = result == millrace::Gunzip::MEMBER_END;
    if (result == millrace::Gunzip::DAMAGED) outcome.why = decoder.why;
    if (outcome.isEnd || *outcome.why != 0 || outcome.content.size() > CONTENT_BYTES_MAX) return;
    if (result == millrace::Gunzip::STARVED && decoder.consumed != offered) std::abort();
    if (result == millrace::Gunzip::STARVED && at == input.size) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  std::vector<uint8_t> bytes;
  if ((data[2] & 1) != 0) bytes = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  bytes.insert(bytes.end(), data + 3, data + size);
  const Exact input(bytes.data(), bytes.size());
  Outcome wanted, found;
  byZlib(input, wanted);
  if (wanted.content.size() == CONTENT_BYTES_MAX) return 0;
  byGunzip(input, 1 + data[1] * size_t(data[1]), 1 + data[0] * size_t(data[0]), (data[2] & 2) != 0, found);
  if (wanted.content != found.content || wanted.isEnd != found.isEnd || std::strcmp(wanted.why, found.why) != 0) std::abort();
  if (wanted.understoodBits != found.understoodBits) std::abort();
  return 0;
}
