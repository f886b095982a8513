// Runs one kernel of the addon over a file, some times: `kernels WORK KERNEL PASSES FILE [KEY]`. Prints how many records or sums it has seen, so that
// what was counted has been done. Never calls Node-API: its functions stay unresolved.
#include <cstdio>
#include <string>
#include <vector>

#include "../../src/native/base64.h"
#include "../../src/native/crc.cc"
#include "../../src/native/md5-many.h"
#include "../../src/native/scan-setup.h"
#include "../../src/native/scan.cc"
#include "../../src/native/sha256.h"

using namespace millrace;

namespace {

constexpr size_t LANE_CAPACITY = 1 << 20;
constexpr size_t SLICE_BYTES = 256 << 10;
constexpr size_t TEXT_BYTES = 32 << 10;
constexpr uint32_t SCAN_REJECTS = 16;

std::vector<uint8_t> readFile(const char* path) {
  std::vector<uint8_t> bytes;
  FILE* file = std::fopen(path, "rb");
  if (file == nullptr) std::exit(2);
  uint8_t part[4096];
  for (size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0;) bytes.insert(bytes.end(), part, part + got);
  std::fclose(file);
  return bytes;
}

/** One lane, emptied after each slice; lines keyed by one or two plain names. */
uint64_t scanFile(const std::string& kernel, const std::vector<uint8_t>& bytes, const std::string& key, int passes) {
  const ScanKernels* list[KERNELS_MAX];
  const uint32_t count = listKernels(list);
  ScanSetup setup = {};
  for (uint32_t i = 0; i < count; i++) {
    if (kernel == list[i]->name) setup.kernels = list[i];
  }
  if (setup.kernels == nullptr) std::exit(3);
  std::vector<uint8_t> names(4 * NAME_SLACK + key.size());
  std::vector<PointerToken> tokens;
  for (size_t at = 1, to = 0; at <= key.size(); to += NAME_SLACK) {
    const size_t end = std::min(key.find('/', at), key.size());
    std::memcpy(&names[to], key.data() + at, end - at);
    tokens.push_back({&names[to], uint32_t(end - at), false, 0});
    setup.nameStarts[setup.nameStartCount++] = names[to];
    at = end + 1;
  }
  std::vector<uint8_t> memory(LANE_DATA_BYTE + LANE_CAPACITY);
  uint8_t* base = memory.data();
  size_t laneBytes = memory.size();
  uint64_t starts[2] = {};
  uint64_t stack[32] = {};
  LaneWriter lane;
  setup.hasKey = setup.isKeyPlain = true;
  setup.key = {tokens.data(), uint32_t(tokens.size())};
  setup.depthMax = 1024;
  setup.recordBytesMax = 1 << 20;
  setup.keyCharsMax = KEY_CHARS_MAX;
  setup.laneCount = 1;
  setup.laneBase = &base;
  setup.laneBytes = &laneBytes;
  setup.laneStarts = starts;
  setup.lanes = &lane;
  setup.depthStack = stack;
  setup.windowBytes = WINDOW_BYTES;
  ScanState& state = *openScratch();
  static_cast<ScanSetup&>(state) = setup;
  double rejects[SCAN_REJECTS * REJECT_COLUMNS];
  uint64_t records = 0;
  for (int pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < bytes.size();) {
      size_t end = std::min(at + SLICE_BYTES, bytes.size());
      while (bytes[end - 1] != '\n') end--;
      ScanCall call = {};
      call.bytes = bytes.data();
      call.start = at;
      call.end = end;
      call.objectOffset = at;
      call.coordinate = reinterpret_cast<const uint8_t*>("c");
      call.coordinateBytes = 1;
      call.rejectCells = rejects;
      call.rejectsMax = SCAN_REJECTS;
      state.pendingCount = 0;
      lane.open(base, laneBytes);
      scanLines(state, call, call.bytes + at);
      lane.publish();
      std::memcpy(base + LANE_TAIL_BYTE, base + LANE_HEAD_BYTE, 4);
      records += call.records;
      at = size_t(call.next - call.bytes);
    }
  }
  return records;
}

uint64_t hashFile(const std::string& kernel, const std::vector<uint8_t>& bytes) {
  const Sha256Kernel* list[SHA256_KERNELS_MAX];
  const uint32_t count = listSha256(list);
  Sha256State states[4] = {SHA256_EMPTY, SHA256_EMPTY, SHA256_EMPTY, SHA256_EMPTY};
  for (uint32_t i = 0; i < count; i++) {
    if (kernel != list[i]->name) continue;
    for (size_t at = 0; at + 4 * TEXT_BYTES <= bytes.size(); at += 4 * TEXT_BYTES) {
      Sha256Text texts[4];
      for (size_t text = 0; text < 4; text++) texts[text] = {&states[text], bytes.data() + at + text * TEXT_BYTES};
      list[i]->addBlocks(texts, 4, TEXT_BYTES / SHA256_BLOCK_BYTES);
    }
    return states[0].words[0];
  }
  std::exit(3);
}

uint64_t md5File(const std::string& kernel, const std::vector<uint8_t>& bytes) {
  // One message at a time is what every machine does; several are put into lanes.
  const size_t together = kernel == "lanes" ? 16 : 1;
  uint8_t digests[16][16];
  uint64_t sum = 0;
  for (size_t at = 0; at + together * TEXT_BYTES <= bytes.size(); at += together * TEXT_BYTES) {
    Md5Job jobs[16];
    for (size_t i = 0; i < together; i++) jobs[i] = {bytes.data() + at + i * TEXT_BYTES, TEXT_BYTES, digests[i]};
    md5Many(jobs, together);
    sum += digests[0][0];
  }
  return sum;
}

uint64_t base64File(const std::string& kernel, const std::vector<uint8_t>& bytes) {
  // What is shorter than a vector's worth is looked up in the table.
  const size_t part = kernel == "table" ? 45 : 48 * 64;
  std::vector<uint8_t> out(base64Bytes(part));
  uint64_t sum = 0;
  for (size_t at = 0; at + part <= bytes.size(); at += part) sum += base64Encode(out.data(), bytes.data() + at, part) + out[0];
  return sum;
}

uint64_t once(const std::string& work, const std::string& kernel, const std::vector<uint8_t>& bytes) {
  const bool is64 = work == "crc64nvme";
  if (work == "sha256") return hashFile(kernel, bytes);
  if (work == "md5") return md5File(kernel, bytes);
  if (work == "base64") return base64File(kernel, bytes);
  if (kernel == "table") return update(is64 ? CRC64NVME : CRC32C, 0, bytes.data(), bytes.size());
  return updateFast(is64, 0, bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 1;
  const std::string work = argv[1], kernel = argv[2];
  const int passes = std::atoi(argv[3]);
  const std::vector<uint8_t> bytes = readFile(argv[4]);
  uint64_t seen = 0;
  if (work == "scan") seen = scanFile(kernel, bytes, argc > 5 ? argv[5] : "", passes);
  else for (int pass = 0; pass < passes; pass++) seen += once(work, kernel, bytes);
  std::printf("%llu\n", static_cast<unsigned long long>(seen));
}
