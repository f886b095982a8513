// Fuzz target: the scanner with every instruction set of this machine, over any bytes: all must give the lanes, the sums and the rejects that
// the exact judge gives, which looks at one line after the other and never at a window.
// Bytes: [0] rules; then the piece.
#include "fuzz.h"

#include <vector>

#include "../../../src/native/scan.cc"

namespace {

using namespace millrace;

constexpr size_t LANE_BYTES = LANE_DATA_BYTE + 65536;
constexpr uint32_t DEPTH_MAX = 20;
constexpr uint32_t REJECTS_MAX = 1024;
uint8_t NAME[NAME_SLACK + 1] = {'k'};
PointerToken TOKEN = {NAME, 1, false, 0};

struct Outcome {
  std::vector<uint8_t> lane = std::vector<uint8_t>(LANE_BYTES);
  std::vector<double> rejects = std::vector<double>(REJECTS_MAX * REJECT_COLUMNS);
  ScanCall call = {};
};

/** @param kernels Null for the exact judge alone. */
void scan(uint8_t rules, const Exact& bytes, const ScanKernels* kernels, Outcome& outcome) {
  ScanState& state = *openScratch();
  uint8_t* laneBase = outcome.lane.data();
  size_t laneBytes = LANE_BYTES;
  uint64_t laneStarts[2] = {};
  LaneWriter lane;
  uint64_t stack[DEPTH_MAX / 64 + 2] = {};
  ScanSetup setup = {};
  setup.kernels = kernels != nullptr ? kernels : scanKernelsBase();
  setup.hasKey = (rules & 1) != 0;
  setup.hasHashKey = (rules & 2) != 0;
  setup.appendsNewline = (rules & 4) != 0;
  setup.usesPositionalKeys = (rules & 8) != 0;
  setup.isKeyPlain = true;
  setup.nameStartCount = 1;
  setup.nameStarts[0] = 'k';
  setup.key = setup.hashKey = {&TOKEN, 1};
  setup.depthMax = DEPTH_MAX;
  setup.recordBytesMax = (rules & 16) != 0 ? 40 : 60000;
  setup.keyCharsMax = (rules & 64) != 0 ? KEY_CHARS_MAX : 5;
  setup.laneCount = 1;
  setup.laneBase = &laneBase;
  setup.laneBytes = &laneBytes;
  setup.laneStarts = laneStarts;
  setup.lanes = &lane;
  setup.depthStack = stack;
  setup.windowBytes = WINDOW_BYTES_LEAST;
  static_cast<ScanSetup&>(state) = setup;
  state.pendingCount = 0;
  lane.open(laneBase, laneBytes);
  ScanCall& call = outcome.call;
  call.bytes = bytes.data;
  call.end = bytes.size;
  call.objectOffset = (rules & 32) != 0 ? 0 : 5;
  call.coordinate = reinterpret_cast<const uint8_t*>("c");
  call.coordinateBytes = 1;
  call.rejectCells = outcome.rejects.data();
  call.rejectsMax = REJECTS_MAX;
  if (kernels != nullptr) {
    scanLines(state, call, call.bytes);
  } else {
    const uint8_t* end = call.bytes + call.end;
    const uint8_t* at = call.bytes;
    for (bool isFirst = true; at < end; isFirst = false) {
      const auto* newline = static_cast<const uint8_t*>(std::memchr(at, '\n', size_t(end - at)));
      const uint8_t* lineEnd = newline == nullptr ? end : newline;
      const bool hasMark = isFirst && call.objectOffset == 0 && end - at >= 3 && std::memcmp(at, "\xef\xbb\xbf", 3) == 0;
      if (!validateLine(state, call, at, hasMark ? at + 3 : at, lineEnd)) break;
      at = newline == nullptr ? end : newline + 1;
    }
    if (at >= end && flushRecords(state, call)) {
      countOthers(call, call.blankBefore, call.leftOutBefore);
      call.next = end;
    }
  }
  lane.publish();
}

void expectEqual(const Outcome& one, const Outcome& other) {
  if (one.call.status != other.call.status || one.call.next != other.call.next || one.call.lines != other.call.lines) std::abort();
  if (one.call.blank != other.call.blank || one.call.records != other.call.records) std::abort();
  if (one.call.rejected != other.call.rejected || one.call.recordBytes != other.call.recordBytes) std::abort();
  if (one.rejects != other.rejects) std::abort();
  const uint32_t head = loadU32(one.lane.data() + LANE_HEAD_BYTE);
  if (head != loadU32(other.lane.data() + LANE_HEAD_BYTE)) std::abort();
  for (uint32_t at = 0; at < head;) {
    const uint8_t* frame = one.lane.data() + LANE_DATA_BYTE + at;
    const uint8_t* twin = other.lane.data() + LANE_DATA_BYTE + at;
    const FrameHeader header = loadHeader(frame);
    // Without the padding behind it, whose content nobody promises.
    if (std::memcmp(frame, twin, FRAME_HEADER_BYTES + size_t(header.keyBytes) + header.dataBytes) != 0) std::abort();
    at += header.frameBytes;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Exact bytes(data + 1, size - 1);
  Outcome judged;
  scan(data[0], bytes, nullptr, judged);
  // A full lane ends a call where its windows end, which the judge has none of.
  if (judged.call.status != SCAN_DONE) return 0;
  const ScanKernels* kernels[KERNELS_MAX];
  const uint32_t count = listKernels(kernels);
  for (uint32_t i = 0; i < count; i++) {
    Outcome outcome;
    scan(data[0], bytes, kernels[i], outcome);
    expectEqual(judged, outcome);
  }
  return 0;
}
