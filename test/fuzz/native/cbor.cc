// Fuzz target: the CBOR cursor, over any bytes. Nothing is read past the end, and after a fault every step fails.
#include "fuzz.h"

#include "cbor-reader.h"

using millrace::CborReader;
using millrace::TextRef;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Exact bytes(data, size);
  CborReader skipper(bytes.data, bytes.size);
  while (skipper.isOk && !skipper.isAtEnd()) skipper.skip(0);

  CborReader reader(bytes.data, bytes.size);
  for (size_t step = 0; reader.isOk && step < size; step++) {
    TextRef text;
    double number;
    uint64_t length;
    switch (reader.peek()) {
      case CborReader::TEXT: reader.text(text); break;
      case CborReader::BYTES: reader.byteString(text); break;
      case CborReader::ARRAY: case CborReader::MAP: reader.open(reader.peek(), length); break;
      default: reader.number(number);
    }
    if (text.length > 0) touch(text.bytes, text.length);
  }
  if (!reader.isOk && (reader.skip(0) && reader.isOk)) std::abort();
  return 0;
}
