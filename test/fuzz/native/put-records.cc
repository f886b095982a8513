// Fuzz target: answers of PutRecords in CBOR and JSON, over any bytes: a whole answer has one verdict for each entry, counted once.
// Bytes: [0] JSON or CBOR, any shard or one; [1] entries of the request; then the answer.
#include "fuzz.h"

#include "../../../src/native/result.cc"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Exact body(data + 2, size - 2);
  uint8_t* cells = static_cast<uint8_t*>(std::malloc(data[1] + 1u));
  static simdjson::dom::parser parser;
  millrace::Tally tally;
  tally.verdicts = {cells, data[1]};
  tally.entries = data[1];
  tally.isAnyShard = (data[0] & 2) == 0;
  tally.expected = {reinterpret_cast<const uint8_t*>("shardId-000000000001"), 20};
  const millrace::View<uint8_t> view = {body.data, body.size};
  const bool isDone = (data[0] & 1) != 0 ? millrace::readJson(parser, view, tally) : millrace::readCbor(view, tally);
  if (isDone) {
    if (tally.index != tally.entries) std::abort();
    uint32_t seen[4] = {};
    for (uint32_t i = 0; i < tally.entries; i++) seen[cells[i]]++;
    if (std::memcmp(seen, tally.counts, sizeof seen) != 0 || tally.misrouted.size() != tally.counts[millrace::VERDICT_MISROUTED]) std::abort();
    for (const millrace::TextRef& shard : tally.misrouted) touch(shard.bytes, shard.length);
    if (tally.hasFailed) touch(tally.failedCode.bytes, tally.failedCode.length);
    if (tally.hasFailed && tally.hasFailedMessage) touch(tally.failedMessage.bytes, tally.failedMessage.length);
  }
  std::free(cells);
  return 0;
}
