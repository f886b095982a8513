// Scan tokens: pass one of the windowed scanner, over bytes in blocks of 64. Included by scan-window.h, inside the namespace of an
// instruction set; what that gives is listed there.
//
// It keeps the tokens: structural characters, opening quotes, the first byte of every number or literal, and newlines. Strings and
// escapes are settled here: what is wrong about them, and bytes that are not UTF-8, become doubts about their line.

struct WindowScan {
  ScanState& state;
  ScanCall& call;
  const uint8_t* window;
  uint32_t windowBytes;
  uint32_t tokenCount;
  bool doubtsAll;
  /** Whether there is any backslash in it. */
  bool hasBackslashes;
  /** Numbers of this window, and those that were found to be no plain integers. */
  uint32_t numberCount;
  uint32_t otherNumberCount;
};

inline void doubt(WindowScan& scan, uint32_t at) {
  if (scan.state.doubtCount == DOUBTS_MAX) {
    scan.doubtsAll = true;
    return;
  }
  scan.state.doubts[scan.state.doubtCount++] = uint16_t(at);
}

/** Notes the lines of window[from, to), whole lines, that are not UTF-8, by halving. */
inline void doubtUtf8(WindowScan& scan, uint32_t from, uint32_t to) {
  // Halving needs as many open halves as a window has bits of length.
  uint32_t ends[32];
  uint32_t endCount = 1;
  ends[0] = to;
  while (endCount > 0) {
    const uint32_t end = ends[endCount - 1];
    if (simdjson::validate_utf8(reinterpret_cast<const char*>(scan.window + from), end - from)) {
      from = end;
      endCount--;
      continue;
    }
    const uint32_t middle = from + (end - from) / 2;
    const void* newline = std::memchr(scan.window + middle, '\n', end - middle);
    uint32_t cut = newline == nullptr ? end : uint32_t(static_cast<const uint8_t*>(newline) - scan.window) + 1;
    if (cut >= end) {
      // The second half has no line start: look for one in the first.
      cut = middle;
      while (cut > from && scan.window[cut - 1] != '\n') cut--;
    }
    if (cut <= from || endCount == 32) {
      scan.doubtsAll |= cut > from;
      doubt(scan, from);
      from = end;
      endCount--;
    } else {
      ends[endCount++] = cut;
    }
  }
}

/** Two sorted lists become one. They are short, and nearly always the second one is empty. */
inline void sortDoubts(ScanState& state) {
  for (uint32_t i = 1; i < state.doubtCount; i++) {
    const uint16_t moved = state.doubts[i];
    uint32_t to = i;
    for (; to > 0 && state.doubts[to - 1] > moved; to--) state.doubts[to] = state.doubts[to - 1];
    state.doubts[to] = moved;
  }
}

/** What one block hands on to the next. */
struct BlockCarry {
  uint64_t inString;      // all ones inside a string
  uint64_t isEscaped;     // 1 if the first byte is escaped
  uint64_t hexNeeded;     // bytes that must be hexadecimal digits
  uint64_t isScalar;      // 1 if the last byte belonged to a number or literal
};

inline void doubtAll(WindowScan& scan, uint32_t blockAt, uint64_t which) {
  for (; which != 0; which &= which - 1) doubt(scan, blockAt + uint32_t(__builtin_ctzll(which)));
}

/** Settles escapes. @returns Mask of the bytes that follow an odd run of backslashes. */
inline uint64_t findEscaped(const uint8_t* block, uint64_t backslash, BlockCarry& carry, uint64_t& wrong) {
  constexpr uint64_t EVEN = 0x5555555555555555u;
  const uint64_t runs = backslash & ~carry.isEscaped;
  const uint64_t starts = runs & ~(runs << 1);
  // Adding its start to a run moves a bit behind the run's end. A run of odd length ends where it started, modulo 2.
  unsigned long long behindOdd;
  const bool runsOn = __builtin_add_overflow((unsigned long long)runs, (unsigned long long)(starts & ~EVEN), &behindOdd);
  const uint64_t behindEven = runs + (starts & EVEN);
  const uint64_t escaped = (((behindEven & ~EVEN) | (behindOdd & EVEN)) & ~runs) | (carry.isEscaped & ~backslash);
  carry.isEscaped = runsOn ? 1 : 0;
  if ((escaped | carry.hexNeeded) != 0) {
    uint64_t escapable, hex, u;
    classifyEscapes(block, escapable, hex, u);
    const uint64_t hexStarts = escaped & u;
    const uint64_t needed = (hexStarts << 1) | (hexStarts << 2) | (hexStarts << 3) | (hexStarts << 4) | carry.hexNeeded;
    wrong = (escaped & ~escapable) | (needed & ~hex);
    carry.hexNeeded = (hexStarts >> 63) | (hexStarts >> 62) | (hexStarts >> 61) | (hexStarts >> 60);
  }
  return escaped;
}

/** Ends strings at line ends, where there are strings that go over one. @returns What is in strings then. */
inline uint64_t breakStrings(uint64_t newlines, uint64_t inString, uint64_t& wrong) {
  uint64_t broken = newlines & inString;
  while (broken != 0) {
    const uint64_t newline = broken & (0 - broken);
    const uint64_t behind = ~(newline | (newline - 1));
    wrong |= newline;
    inString = (inString & ~newline) ^ behind;
    broken = newlines & inString & behind;
  }
  return inString;
}

/** One block of pass one. @returns How many tokens it has. */
inline uint32_t scanBlock(WindowScan& scan, const uint8_t* block, uint32_t blockAt, BlockCarry& carry, HighSeen& high) {
  Masks masks;
  classify(block, masks, high);
  uint64_t wrong = 0;
  uint64_t quote = masks.quote;
  if ((masks.backslash | carry.isEscaped | carry.hexNeeded) != 0) {
    scan.hasBackslashes = true;
    quote &= ~findEscaped(block, masks.backslash, carry, wrong);
  }
  uint64_t inString = prefixXor(quote) ^ carry.inString;
  if (((inString & masks.control) | wrong) != 0) [[unlikely]] {
    inString = breakStrings(equalsByte(block, '\n'), inString, wrong);
    doubtAll(scan, blockAt, wrong | (inString & masks.control));
  }
  carry.inString = uint64_t(int64_t(inString) >> 63);
  const uint64_t strings = inString | quote;
  const uint64_t scalar = ~(strings | masks.delimiter);
  const uint64_t scalarStart = scalar & ~((scalar << 1) | carry.isScalar);
  carry.isScalar = scalar >> 63;
  const uint64_t tokens = (masks.structural & ~strings) | (quote & inString) | scalarStart;
  return takeTokens(block, tokens, blockAt, scan.state, scan.tokenCount);
}

/** Pass one: fills the state's tokens and doubts. */
inline void findTokens(WindowScan& scan) {
  BlockCarry carry = {0, 0, 0, 0};
  HighSeen high = {};
  uint32_t at = 0;
  for (; at + 65 <= scan.windowBytes; at += 64) {
    scan.tokenCount += scanBlock(scan, scan.window + at, at, carry, high);
  }
  // The rest, ended by a newline if the source did not, in blocks of its own: nothing is read past the window.
  uint8_t rest[2 * 64 + 1];
  const uint32_t restBytes = scan.windowBytes - at;
  std::memset(rest, ' ', sizeof rest);
  std::memcpy(rest, scan.window + at, restBytes);
  const bool needsNewline = rest[restBytes - 1] != '\n';
  if (needsNewline) rest[restBytes] = '\n';
  for (uint32_t done = 0; done < restBytes + needsNewline; done += 64) {
    scan.tokenCount += scanBlock(scan, rest + done, at + done, carry, high);
  }
  assert(scan.windowBytes <= WINDOW_BYTES && scan.tokenCount <= WINDOW_BYTES + 1);
  if (high.any() && !simdjson::validate_utf8(reinterpret_cast<const char*>(scan.window), scan.windowBytes)) {
    doubtUtf8(scan, 0, scan.windowBytes);
    sortDoubts(scan.state);
  }
}
