// Inflate: a gzip object by a library that others would take, for bench/gunzip.ts. Built once for each: with WITH_ISAL or WITH_LIBDEFLATE.
// Takes  a file of one member, the size of its content, and for how many milliseconds it is inflated again and again.
// Gives  on stdout nanoseconds and CPU nanoseconds a byte of content. ISA-L is given blocks of 1 MiB and room for 256 KiB, as a parser's
//        decoder is; libdeflate knows no steps, and has it all at once.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#if defined(WITH_ISAL)
#include <isa-l/igzip_lib.h>
#else
#include <libdeflate.h>
#endif

namespace {

#if defined(WITH_ISAL)

constexpr size_t IN_BYTES = 1 << 20;
constexpr size_t OUT_BYTES = 256 << 10;

size_t inflateAll(std::vector<unsigned char>& stored, size_t) {
  static inflate_state state;
  static std::vector<unsigned char> room(OUT_BYTES);
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  size_t bytes = 0;
  for (size_t at = 0; state.block_state != ISAL_BLOCK_FINISH;) {
    const size_t left = stored.size() - at;
    state.next_in = stored.data() + at;
    state.avail_in = uint32_t(left < IN_BYTES ? left : IN_BYTES);
    state.next_out = room.data();
    state.avail_out = uint32_t(OUT_BYTES);
    if (isal_inflate(&state) != ISAL_DECOMP_OK) return 0;
    at = size_t(state.next_in - stored.data());
    bytes += OUT_BYTES - state.avail_out;
  }
  return bytes;
}

#else

size_t inflateAll(std::vector<unsigned char>& stored, size_t contentBytes) {
  static libdeflate_decompressor* const decompressor = libdeflate_alloc_decompressor();
  static std::vector<unsigned char> room(contentBytes);
  size_t bytes = 0;
  const auto result =
      libdeflate_gzip_decompress(decompressor, stored.data(), stored.size(), room.data(), room.size(), &bytes);
  return result == LIBDEFLATE_SUCCESS ? bytes : 0;
}

#endif

double cpuNs() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e9 + double(now.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  std::FILE* file = argc == 4 ? std::fopen(argv[1], "rb") : nullptr;
  if (file == nullptr) return 1;
  std::vector<unsigned char> stored;
  unsigned char part[4096];
  for (size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0;) stored.insert(stored.end(), part, part + got);
  std::fclose(file);
  const size_t contentBytes = size_t(std::atof(argv[2]));
  const double wantedNs = std::atof(argv[3]) * 1e6;
  if (inflateAll(stored, contentBytes) != contentBytes) return 1;
  const auto begun = std::chrono::steady_clock::now();
  const double begunCpuNs = cpuNs();
  double calls = 0, ns = 0;
  do {
    if (inflateAll(stored, contentBytes) != contentBytes) return 1;
    calls++;
    ns = double(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begun).count());
  } while (ns < wantedNs);
  std::printf("%f\t%f\n", ns / calls / double(contentBytes), (cpuNs() - begunCpuNs) / calls / double(contentBytes));
  return 0;
}
