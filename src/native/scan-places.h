// Scan places: the table by which instruction sets without byte compression move tokens together (scan-avx2.cc, scan-neon.cc).
#pragma once

#include <cstdint>

namespace millrace {

/** For each mask of eight: the places of its ones, in order. */
struct alignas(64) PlacesTable {
  uint64_t of[256];
};
constexpr PlacesTable makePlaces() {
  PlacesTable table = {};
  for (int mask = 0; mask < 256; mask++) {
    int count = 0;
    for (uint64_t place = 0; place < 8; place++) {
      if ((mask >> place & 1) != 0) table.of[mask] |= place << (8 * count++);
    }
  }
  return table;
}
inline constexpr PlacesTable PLACES = makePlaces();

}  // namespace millrace
