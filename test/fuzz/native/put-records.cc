// Fuzz target: answers of PutRecords in CBOR and JSON, over any bytes: a whole answer has one verdict for each entry, counted once.
// Bytes: [0] JSON or CBOR, any shard or one; [1] entries of the request; then the answer.
#include "fuzz.h"

#include "../../../src/native/result.cc"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Exact body(data + 2, size - 2);
  uint8_t* cells = static_cast<uint8_t*>(std::malloc(data[1] + 1u));
  static simdjson::dom::parser parser;
  millrace::Judge judge;
  judge.verdicts = {cells, data[1]};
  judge.entries = data[1];
  judge.isAnyShard = (data[0] & 2) == 0;
  judge.expected = {reinterpret_cast<const uint8_t*>("shardId-000000000001"), 20};
  const millrace::View<uint8_t> view = {body.data, body.size};
  const bool isDone = (data[0] & 1) != 0 ? millrace::readJson(parser, view, judge) : millrace::readCbor(view, judge);
  if (isDone) {
    if (judge.index != judge.entries) std::abort();
    uint32_t seen[4] = {};
    for (uint32_t i = 0; i < judge.entries; i++) seen[cells[i]]++;
    if (std::memcmp(seen, judge.counts, sizeof seen) != 0 || judge.strays.size() != judge.counts[millrace::VERDICT_MISROUTED]) std::abort();
    for (const millrace::TextRef& stray : judge.strays) touch(stray.bytes, stray.length);
    if (judge.hasFailed) touch(judge.failedCode.bytes, judge.failedCode.length);
    if (judge.hasFailed && judge.hasFailedMessage) touch(judge.failedMessage.bytes, judge.failedMessage.length);
  }
  std::free(cells);
  return 0;
}
