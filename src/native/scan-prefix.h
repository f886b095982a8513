// Scan prefix: how far a name is the wanted one, eight bytes at a time, for kernels that have no masks for it. Included by each in its own
// namespace, like scan-window.h, which asks for it: no guard.

inline uint32_t commonPrefix(const uint8_t* name, const uint8_t* wanted, uint32_t bytes, uint32_t left) {
  uint32_t same = 0;
  // `wanted` is followed by 64 bytes of nothing.
  while (same < bytes && left - same >= 8) {
    uint64_t a, b;
    std::memcpy(&a, name + same, 8);
    std::memcpy(&b, wanted + same, 8);
    if (a != b) {
      const uint32_t at = same + uint32_t(__builtin_ctzll(a ^ b) >> 3);
      return at < bytes ? at : bytes;
    }
    same += 8;
  }
  while (same < bytes && name[same] == wanted[same]) same++;
  return same < bytes ? same : bytes;
}
