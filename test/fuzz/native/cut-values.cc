// Fuzz target: values side by side, found with every instruction set of this machine: all give the same lines, rows and end, each line is
// what lies at its place, and nothing is read or written past an end.
// Bytes: [0] state, whether the object ends here, how much room there is; then the bytes.
#include "fuzz.h"

#include <vector>

#include "../../../src/native/scan-types.h"

namespace {

using namespace millrace;

struct Outcome {
  std::vector<uint8_t> lines;
  std::vector<double> rows;
  std::vector<uint8_t> kinds;
  CutCall call = {};
};

void cut(uint8_t rules, const Exact& bytes, const ScanKernels* kernels, Outcome& outcome) {
  outcome.lines.resize((rules & 8) != 0 ? 70 : bytes.size * 2 + 1);
  outcome.kinds.resize((rules & 16) != 0 ? 2 : bytes.size + 1);
  outcome.rows.resize(outcome.kinds.size() * OUTPUT_COLUMNS);
  CutCall& call = outcome.call;
  call.bytes = bytes.data;
  call.end = bytes.size;
  call.objectOffset = 1000;
  call.isLast = (rules & 4) != 0;
  call.state = rules & 3;
  call.lines = outcome.lines.data();
  call.linesBytes = outcome.lines.size();
  call.rows = outcome.rows.data();
  call.kinds = outcome.kinds.data();
  call.rowsMax = uint32_t(outcome.kinds.size());
  kernels->cutValues(call);
}

void check(bool isRight) {
  if (!isRight) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Exact bytes(data + 1, size - 1);
  Outcome wanted;
  cut(data[0], bytes, scanKernelsBase(), wanted);
  const CutCall& call = wanted.call;
  check(call.next <= bytes.size && call.count <= call.rowsMax && call.linesUsed <= call.linesBytes);
  for (uint32_t i = 0; i < call.count; i++) {
    const double* row = call.rows + size_t(i) * OUTPUT_COLUMNS;
    const size_t start = size_t(row[0]);
    const size_t end = i + 1 < call.count ? size_t(row[OUTPUT_COLUMNS]) : size_t(call.linesUsed);
    const size_t at = size_t(row[1]) - 1000;
    check(start < end && end <= call.linesUsed && at + (end - 1 - start) <= bytes.size);
    check(std::memcmp(call.lines + start, bytes.data + at, end - 1 - start) == 0 && call.lines[end - 1] == '\n');
    check((call.kinds[i] == VALUE_LINES) == (std::memchr(call.lines + start, '\n', end - 1 - start) != nullptr));
  }
  for (const ScanKernels* kernels : {scanKernelsAvx2(), scanKernelsAvx512(), scanKernelsNeon()}) {
    if (kernels == nullptr) continue;
    Outcome other;
    cut(data[0], bytes, kernels, other);
    const CutCall& seen = other.call;
    check(seen.count == call.count && seen.next == call.next && seen.stop == call.stop && seen.state == call.state);
    check(seen.linesUsed == call.linesUsed && std::memcmp(seen.lines, call.lines, call.linesUsed) == 0);
    check(std::memcmp(seen.rows, call.rows, sizeof(double) * OUTPUT_COLUMNS * call.count) == 0);
    check(std::memcmp(seen.kinds, call.kinds, call.count) == 0);
  }
  return 0;
}
