// File pages: the pages of Node's own file that this process has mapped go back to the kernel, which has them in its cache: those that are
// used again come back without a look at the disk. src/native/file-pages.ts is the only caller.
#include "addon.h"
#include "args.h"

#if defined(__linux__)

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

namespace millrace {
namespace {

/** Of an entry in /proc/self/pagemap, as the kernel documents them. */
constexpr uint64_t IS_PRESENT = 1ull << 63;
constexpr uint64_t IS_SWAPPED = 1ull << 62;
/** Of a file, or of memory that is shared: not a copy that this process has made. */
constexpr uint64_t IS_OF_FILE = 1ull << 61;
/** Entries that are read at once, of a page each. */
constexpr size_t ENTRIES_MAX = 1024;

struct Mapping {
  uint64_t start;
  uint64_t end;
  uint64_t device;
  uint64_t inode;
  /** Readable, never written to, and not shared. */
  bool isPlain;
};

std::vector<Mapping> mappingsOfFiles() {
  std::vector<Mapping> mappings;
  std::FILE* file = std::fopen("/proc/self/maps", "re");
  if (file == nullptr) return mappings;
  char line[512];
  bool isBegin = true;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    const bool isLine = isBegin;
    isBegin = std::strchr(line, '\n') != nullptr;
    if (!isLine) continue;  // the rest of a long name
    unsigned long long start, end, inode;
    unsigned major, minor;
    char mode[5];
    if (std::sscanf(line, "%llx-%llx %4s %*s %x:%x %llu", &start, &end, mode, &major, &minor, &inode) != 6) continue;
    if (inode == 0) continue;
    const bool isPlain = mode[0] == 'r' && mode[1] == '-' && mode[3] == 'p';
    mappings.push_back({start, end, uint64_t(major) << 32 | minor, inode, isPlain});
  }
  std::fclose(file);
  return mappings;
}

/** @returns Pages of a mapping that are there; 0 unless all of them are as they are in the file: others could not come back. */
uint64_t pagesOfFile(int pagemap, const Mapping& mapping, uint64_t pageBytes) {
  uint64_t entries[ENTRIES_MAX];
  uint64_t present = 0;
  uint64_t page = mapping.start / pageBytes;
  const uint64_t pageEnd = mapping.end / pageBytes;
  while (page < pageEnd) {
    const size_t wanted = std::min<uint64_t>(pageEnd - page, ENTRIES_MAX) * sizeof entries[0];
    const ssize_t read = pread(pagemap, entries, wanted, off_t(page * sizeof entries[0]));
    if (read < ssize_t(sizeof entries[0])) return 0;
    const size_t count = size_t(read) / sizeof entries[0];
    for (size_t i = 0; i < count; i++) {
      if ((entries[i] & IS_SWAPPED) != 0) return 0;
      if ((entries[i] & IS_PRESENT) == 0) continue;
      if ((entries[i] & IS_OF_FILE) == 0) return 0;
      present++;
    }
    page += count;
  }
  return present;
}

/** letGoOfFilePages(): how many bytes were let go. Node's file is the one that has Node-API: its program, or the library that it is made of. */
napi_value letGoOfFilePages(napi_env env, napi_callback_info) {
  const auto mappings = mappingsOfFiles();
  const uint64_t code = reinterpret_cast<uint64_t>(&napi_get_undefined);
  const auto node = std::find_if(mappings.begin(), mappings.end(),
                                 [&](const Mapping& it) { return it.start <= code && code < it.end; });
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0 || node == mappings.end()) {
    if (pagemap >= 0) close(pagemap);
    return numberOf(env, 0);
  }
  const uint64_t pageBytes = uint64_t(sysconf(_SC_PAGESIZE));
  uint64_t pages = 0;
  for (const Mapping& it : mappings) {
    if (!it.isPlain || it.inode != node->inode || it.device != node->device) continue;
    const uint64_t found = pagesOfFile(pagemap, it, pageBytes);
    if (found > 0 && madvise(reinterpret_cast<void*>(it.start), it.end - it.start, MADV_DONTNEED) == 0) pages += found;
  }
  close(pagemap);
  return numberOf(env, double(pages * pageBytes));
}

}  // namespace

void registerFilePages(napi_env env, napi_value exports) {
  exportFunction(env, exports, "letGoOfFilePages", letGoOfFilePages);
}

}  // namespace millrace

#else

namespace millrace {

/** Other systems count such pages otherwise, and have other ways. */
void registerFilePages(napi_env, napi_value) {}

}  // namespace millrace

#endif
