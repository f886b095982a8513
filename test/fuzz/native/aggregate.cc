// Fuzz target: the reader of KPL aggregates, over any bytes: every part that it names lies within them.
#include "fuzz.h"

#include "aggregate-reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Exact bytes(data, size);
  static millrace::AggregateReader reader;
  if (!reader.open({bytes.data, bytes.size})) return 0;
  for (size_t i = 0; i < reader.count(); i++) {
    const millrace::SubRecord part = reader.at(i);
    touch(part.key.bytes, part.key.length);
    touch(part.data.bytes, part.data.length);
    touch(part.explicitHashKey.bytes, part.explicitHashKey.length);
    if (part.key.length > UINT16_MAX || part.data.length > size) std::abort();
  }
  return 0;
}
