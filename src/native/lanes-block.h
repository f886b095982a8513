// Words of a block of 64 bytes of each of LANES messages, turned so that each vector holds the same word of all of them. Included once per
// width, inside the namespace of the kernel that wants it, with `Words` (a vector of LANES words), LANES (4, 8 or 16) and LANES_TARGET (a
// target attribute, or nothing) set: code for newer instructions must be compiled for them, so it cannot be a template. No include guard,
// on purpose.

LANES_TARGET inline void loadBlock(const uint8_t* const* messages, size_t offset, Words (&words)[16]) {
#if LANES == 16
  Words r[16], s[16];
  for (int lane = 0; lane < 16; lane++) std::memcpy(&r[lane], messages[lane] + offset, 64);
  for (int i = 0; i < 16; i += 2) {
    s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int odd = 0; odd < 2; odd++) {
      const Words &low = s[i + odd], &high = s[i + odd + 2];
      r[i + 2 * odd] = __builtin_shufflevector(low, high, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
      r[i + 2 * odd + 1] = __builtin_shufflevector(low, high, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
  }
  // Now r[4 * group + i] holds words i, i + 4, i + 8 and i + 12 of four messages each.
  for (int i = 0; i < 4; i++) {
    for (int half = 0; half < 2; half++) {
      const Words &a = r[i], &b = r[i + 4], &c = r[i + 8], &d = r[i + 12];
      const Words low = half == 0 ? __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
                                  : __builtin_shufflevector(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
      const Words high = half == 0 ? __builtin_shufflevector(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
                                   : __builtin_shufflevector(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
      words[8 * half + i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
      words[8 * half + i + 4] = __builtin_shufflevector(low, high, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
  }
#elif LANES == 8
  for (int half = 0; half < 2; half++) {
    Words r[8], s[8];
    for (int lane = 0; lane < 8; lane++) std::memcpy(&r[lane], messages[lane] + offset + half * 32, 32);
    for (int i = 0; i < 8; i += 2) {
      s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
      s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4) {
      r[i] = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[i + 1] = __builtin_shufflevector(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
      r[i + 2] = __builtin_shufflevector(s[i + 1], s[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
      r[i + 3] = __builtin_shufflevector(s[i + 1], s[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int i = 0; i < 4; i++) {
      words[half * 8 + i] = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
      words[half * 8 + i + 4] = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
  }
#else
  for (int quarter = 0; quarter < 4; quarter++) {
    Words r[4], s[4];
    for (int lane = 0; lane < 4; lane++) std::memcpy(&r[lane], messages[lane] + offset + quarter * 16, 16);
    for (int i = 0; i < 4; i += 2) {
      s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 4, 1, 5);
      s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 6, 3, 7);
    }
    words[quarter * 4 + 0] = __builtin_shufflevector(s[0], s[2], 0, 1, 4, 5);
    words[quarter * 4 + 1] = __builtin_shufflevector(s[0], s[2], 2, 3, 6, 7);
    words[quarter * 4 + 2] = __builtin_shufflevector(s[1], s[3], 0, 1, 4, 5);
    words[quarter * 4 + 3] = __builtin_shufflevector(s[1], s[3], 2, 3, 6, 7);
  }
#endif
}
