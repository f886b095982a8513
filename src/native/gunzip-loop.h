// The loop of gunzip-fast.cc: many symbols at once, as long as input and output have room for whole ones. Included once per instruction set,
// with GUNZIP_KERNEL and GUNZIP_VECTOR set: code for a newer set must be compiled for it, so it cannot be a template.

namespace GUNZIP_KERNEL {

typedef uint8_t Vector __attribute__((vector_size(GUNZIP_VECTOR)));

inline void copyVector(uint8_t* to, const uint8_t* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  std::memcpy(to, &vector, sizeof vector);
}

/** Whole vectors, from where nothing is written meanwhile. May read and write OVERRUN_BYTES more than `length`. */
inline void copyForward(uint8_t* to, const uint8_t* from, uint32_t length) {
  uint8_t* const end = to + length;
  for (int i = 0; i < OVERRUN_BYTES / GUNZIP_VECTOR; i++) copyVector(to + i * GUNZIP_VECTOR, from + i * GUNZIP_VECTOR);
  for (to += OVERRUN_BYTES, from += OVERRUN_BYTES; to < end; to += GUNZIP_VECTOR, from += GUNZIP_VECTOR) copyVector(to, from);
}

/** Repeats what lies `distance` bytes before `to`. May write OVERRUN_BYTES more than `length`. */
inline void repeat(uint8_t* to, uint32_t distance, uint32_t length) {
  const uint8_t* from = to - distance;
  uint8_t* const end = to + length;
  if (distance >= GUNZIP_VECTOR) [[likely]] {
    copyForward(to, from, length);
  } else if (distance >= 8) {
    for (; to < end; to += 8, from += 8) {
      uint64_t word;
      std::memcpy(&word, from, 8);
      std::memcpy(to, &word, 8);
    }
  } else if (distance == 1) {
    std::memset(to, *from, length);
  } else {
    while (to < end) *to++ = *from++;
  }
}

/** A match that begins in the content before this step's. */
inline void repeatWindow(const FastRun& run, uint8_t* to, uint32_t distance, uint32_t length) {
  const uint32_t before = distance - uint32_t(to - run.outStart);
  const uint32_t fromWindow = before < length ? before : length;
  copyForward(to, run.windowEnd - before, fromWindow);
  if (length > fromWindow) repeat(to + fromWindow, distance, length - fromWindow);
}

/**
 * @tparam IS_EVEN Whether a length or literals come next is a coin that lands on both sides, so nothing branches on it: all of it is done each
 * time, and what is not there takes no bits.
 * @returns What is wrong, or null.
 */
template <bool IS_EVEN>
const char* decode(FastRun& run) {
  // Bytes that are written might be these, for all that the compiler knows.
  const uint64_t* const joined = run.joined;
  const uint32_t* const distanceTable = run.distanceTable;
  const uint8_t* const inLimit = run.inLimit;
  const uint8_t* const outStart = run.outStart;
  uint8_t* const outLimit = run.outLimit;
  const uint8_t* from = run.from;
  uint8_t* to = run.to;
  uint64_t bits = run.bits;
  // Only its lowest eight bits count.
  uint32_t count = run.count;
  const char* reason = nullptr;
  // At least 56 bits are there then. Bits above `count` are those that the next load brings again.
  const auto load = [&] {
    uint64_t word;
    std::memcpy(&word, from, 8);
    bits |= word << (count & 63);
    from += ((count ^ 63) >> 3) & 7;
    count |= 56;
  };
  const auto take = [&](uint32_t entry) {
    bits >>= entry & 63;
    count -= entry;
  };
  const auto look = [&] { return joined[bits & lowBits(LENGTH_TABLE_BITS)]; };
  const auto putLiterals = [&](uint64_t entry) {
    const uint16_t literals = uint16_t(entry >> JOINED_LITERALS_AT);
    std::memcpy(to, &literals, 2);
    to += uint8_t(entry >> JOINED_COUNT_AT);
  };
  load();
  uint64_t entry = look();
  while (from <= inLimit && to <= outLimit) {
    putLiterals(entry);
    uint64_t before = bits;
    take(uint32_t(entry));
    uint64_t hasLength = hasJoinedLength(entry);
    if (IS_EVEN || hasLength == 0) {
      const uint64_t second = look() & ~hasLength;
      if ((second & JOINED_UNUSUAL) != 0) [[unlikely]] {
        // A code that is longer than the table's bits: rare literals are told here.
        const uint32_t first = run.lengthTable[bits & lowBits(LENGTH_TABLE_BITS)];
        if ((first & ENTRY_TABLE) == 0) break;
        const uint32_t rare = run.lengthTable[entryValue(first) + (bits >> LENGTH_TABLE_BITS & lowBits(entryCodeBits(first)))];
        if ((rare & ENTRY_LITERAL) == 0) break;
        take(LENGTH_TABLE_BITS + entryBits(rare));
        *to++ = uint8_t(entryValue(rare));
        load();
        entry = look();
        continue;
      }
      putLiterals(second);
      before = (before & hasLength) | (bits & ~hasLength);
      take(uint32_t(second));
      entry = (entry & hasLength) | second;
      hasLength = hasJoinedLength(entry);
      if (!IS_EVEN && hasLength == 0) {
        load();
        entry = look();
        continue;
      }
    }
    const uint32_t length =
        uint32_t(entry >> JOINED_BASE_AT & 511) + uint32_t((before & lowBits(uint8_t(entry))) >> (entry >> 8 & 63));
    uint32_t toDistance = distanceTable[bits & lowBits(DISTANCE_TABLE_BITS)];
    if (IS_EVEN) toDistance = (toDistance & uint32_t(hasLength)) | (NOT_DISTANCE & ~uint32_t(hasLength));
    if ((toDistance & ENTRY_UNUSUAL) != 0) [[unlikely]] {
      if ((toDistance & ENTRY_TABLE) != 0) {
        take(DISTANCE_TABLE_BITS);
        toDistance = distanceTable[entryValue(toDistance) + (bits & lowBits(entryCodeBits(toDistance)))];
      }
      if ((toDistance & ENTRY_UNUSUAL) != 0) {
        take(entryBits(toDistance));
        reason = "invalid distance code";
        break;
      }
    }
    const uint32_t distance =
        entryValue(toDistance) + uint32_t((bits & lowBits(entryBits(toDistance))) >> entryCodeBits(toDistance));
    take(entryBits(toDistance));
    // The next look is under way before the copy, whose end cannot be told ahead.
    load();
    entry = look();
    const size_t written = size_t(to - outStart);
    if (distance > written) [[unlikely]] {
      // Where there is no length, there is no distance either.
      if (distance > written + run.windowBytes && length != 0) {
        reason = "invalid distance too far back";
        break;
      }
      if (length != 0) repeatWindow(run, to, distance, length);
    } else {
      repeat(to, distance, length);
    }
    to += length;
  }
  run.from = from;
  run.to = to;
  run.bits = bits;
  run.count = count & 63;
  return reason;
}

const char* run(FastRun& run) { return run.isEven ? decode<true>(run) : decode<false>(run); }

}  // namespace GUNZIP_KERNEL
