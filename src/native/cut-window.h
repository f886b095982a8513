// Cut window: finds the values of JSON that stand side by side, compiled once for each instruction set. Included by the scanner's files
// behind scan-window.h, inside the namespace of an instruction set; what that gives is listed there, but for
//   uint64_t equalsLower(const uint8_t* bytes, uint8_t byte);    the same as equalsByte for the bytes with bit 5 set
//
// Only strings and brackets are looked at: where a value is valid, it ends where its brackets are closed. Whether it is valid is
// the scanner's to judge, and where it finds no JSON, src/parse/json-walk.ts says how far the damage goes. The twin of
// src/scan/values-portable.ts.

/** Where the next byte stands. */
enum CutPlace : uint32_t { PLACE_TOP, PLACE_CONTAINER, PLACE_STRING, PLACE_SCALAR };

struct CutWalk {
  /** A copy: what is written to its lines cannot be any of its fields, as far as a compiler can tell. */
  CutCall call;
  CutPlace place;
  /** Of the value at hand. */
  uint64_t start;
  int64_t depth;
  uint64_t newlines;
  /** Whether it has been copied to its line as far as it has been looked at. */
  bool isCopied;
};

/** Copies 64 bytes of the value at hand, and what follows it, to their place in its line, if they and their place are there. */
inline void copyAhead(CutWalk& walk, const uint8_t* from, uint64_t at) {
  const CutCall& call = walk.call;
  const uint64_t out = call.linesUsed + (at - walk.start);
  walk.isCopied &= out + 64 <= call.linesBytes;
  if (walk.isCopied) [[likely]] std::memcpy(call.lines + out, from, 64);
}

/** A value has ended before `end`. @returns False where there is no room for it. */
inline bool takeValue(CutWalk& walk, uint64_t end) {
  CutCall& call = walk.call;
  const uint64_t bytes = end - walk.start;
  if (call.count == call.rowsMax || call.linesUsed + bytes + 1 > call.linesBytes) {
    call.stop = CUT_FULL;
    return false;
  }
  uint8_t* line = call.lines + call.linesUsed;
  if (!walk.isCopied) std::memcpy(line, call.bytes + walk.start, bytes);
  line[bytes] = '\n';
  double* row = call.rows + size_t(call.count) * OUTPUT_COLUMNS;
  row[0] = double(int64_t(call.linesUsed));
  row[1] = double(int64_t(call.objectOffset + walk.start));
  row[2] = 0;
  call.kinds[call.count] = walk.newlines != 0 ? VALUE_LINES : VALUE_LINE;
  call.count++;
  call.linesUsed += bytes + 1;
  call.next = end;
  walk.place = PLACE_TOP;
  if (call.state != CUT_SIDE_BY_SIDE) call.state = CUT_BEHIND_ELEMENT;
  return true;
}

/** Looks at the byte outside of all values. @returns False where no value can begin: the call has ended. */
inline bool beginValue(CutWalk& walk, uint8_t byte, uint64_t at) {
  CutCall& call = walk.call;
  if (call.state == CUT_BEHIND_ELEMENT && byte == ',') {
    call.state = CUT_BEHIND_COMMA;
    return true;
  }
  const bool isClosing = byte == ']' && (call.state == CUT_BEHIND_ELEMENT || call.state == CUT_BEGUN);
  const bool isStray = byte == '}' || byte == ']' || byte == ',' || byte == ':' || call.state == CUT_BEHIND_ELEMENT;
  if (isClosing || isStray) {
    call.next = at;
    call.stop = isClosing ? CUT_CLOSED : CUT_STRAY;
    return false;
  }
  walk.start = at;
  walk.newlines = 0;
  walk.depth = 1;
  walk.place = byte == '{' || byte == '[' ? PLACE_CONTAINER : byte == '"' ? PLACE_STRING : PLACE_SCALAR;
  walk.isCopied = walk.place == PLACE_CONTAINER && at + 64 <= call.end;
  copyAhead(walk, call.bytes + at, at);
  return true;
}

/** What of a block the walk looks at: only what lies in `within`. */
struct CutMasks {
  uint64_t quote, opens, closes, newline, within;
};

/** The bits from `bit` on; none for 64. */
inline uint64_t from(uint32_t bit) { return bit >= 64 ? 0 : ~uint64_t(0) << bit; }

/** Exact, unlike the classes of a block, which may take bytes beyond ASCII for others. */
inline uint64_t spacesOf(const uint8_t* block, const CutMasks& is) {
  return equalsByte(block, ' ') | equalsByte(block, '\t') | equalsByte(block, '\r') | is.newline;
}

/** Where a number or a literal ends. Inside of strings nobody asks. */
inline uint64_t scalarEndsOf(const uint8_t* block, const CutMasks& is) {
  return spacesOf(block, is) | is.quote | is.opens | is.closes | equalsByte(block, ':') | equalsByte(block, ',');
}

/** The bit behind the bracket that closes the container at hand, from `bit` on; 0 where it stays open. */
inline uint32_t closeContainer(CutWalk& walk, const CutMasks& is, uint32_t bit) {
  const uint64_t rest = from(bit) & is.within;
  const uint64_t closes = is.closes & rest;
  const uint64_t opens = is.opens & rest;
  const int64_t closeCount = __builtin_popcountll(closes);
  if (closeCount >= walk.depth) {
    int64_t closed = 1;
    for (uint64_t left = closes; left != 0; left &= left - 1, closed++) {
      const uint64_t before = (left & (0 - left)) - 1;
      if (walk.depth + __builtin_popcountll(opens & before) != closed) continue;
      walk.newlines |= is.newline & rest & before;
      return uint32_t(__builtin_ctzll(left)) + 1;
    }
  }
  walk.depth += __builtin_popcountll(opens) - closeCount;
  walk.newlines |= is.newline & rest;
  return 0;
}

/** @returns False when the call has ended. */
inline bool walkBlock(CutWalk& walk, const uint8_t* block, uint64_t blockAt, const CutMasks& is) {
  if (walk.place == PLACE_CONTAINER) copyAhead(walk, block, blockAt);
  for (uint32_t bit = 0;;) {
    if (walk.place == PLACE_CONTAINER) {
      bit = closeContainer(walk, is, bit);
      if (bit == 0) return true;
      if (!takeValue(walk, blockAt + bit)) return false;
      continue;
    }
    const uint64_t rest = from(bit) & is.within;
    if (walk.place == PLACE_TOP) {
      if (rest == 0) return true;
      bit = uint32_t(__builtin_ctzll(rest));
      if (block[bit] <= ' ') {
        const uint64_t seen = ~spacesOf(block, is) & rest;
        if (seen == 0) return true;
        bit = uint32_t(__builtin_ctzll(seen));
      }
      if (!beginValue(walk, block[bit], blockAt + bit)) return false;
      bit++;
      continue;
    }
    const uint64_t ends = (walk.place == PLACE_STRING ? is.quote : scalarEndsOf(block, is)) & rest;
    if (ends == 0) return true;
    bit = uint32_t(__builtin_ctzll(ends)) + (walk.place == PLACE_STRING);
    if (!takeValue(walk, blockAt + bit)) return false;
  }
}

/** @param within What of the block belongs to the call. */
inline CutMasks masksOf(const uint8_t* block, uint64_t within, BlockCarry& carry) {
  uint64_t wrong = 0;
  uint64_t quote = equalsByte(block, '"');
  const uint64_t backslash = equalsByte(block, '\\');
  if ((backslash | carry.isEscaped) != 0) {
    carry.hexNeeded = 0;
    quote &= ~findEscaped(block, backslash, carry, wrong);
  }
  const uint64_t inString = prefixXor(quote) ^ carry.inString;
  carry.inString = uint64_t(int64_t(inString) >> 63);
  CutMasks is;
  is.quote = quote;
  // Bit 5 is all that tells [ from { and ] from }.
  is.opens = equalsLower(block, '{') & ~inString;
  is.closes = equalsLower(block, '}') & ~inString;
  is.newline = equalsByte(block, '\n');
  is.within = within;
  const uint64_t broken = is.newline & inString & within;
  // Up to the line end that breaks a string, and without it.
  if (broken != 0) [[unlikely]] is.within &= (broken & (0 - broken)) - 1;
  return is;
}

/** Blocks whose masks are found before any of them is walked: where values end cannot be foreseen, and costs least beside little else. */
constexpr uint32_t CUT_BLOCKS = 16;

/** @returns False when the call has ended. */
inline bool walkBlocks(CutWalk& walk, const uint8_t* blocks, uint64_t at, uint32_t count, uint64_t within, BlockCarry& carry) {
  CutMasks masks[CUT_BLOCKS];
  for (uint32_t i = 0; i < count; i++) masks[i] = masksOf(blocks + i * 64, within, carry);
  for (uint32_t i = 0; i < count; i++) {
    if (!walkBlock(walk, blocks + i * 64, at + i * 64, masks[i])) return false;
    if (masks[i].within != within) [[unlikely]] {
      walk.call.stop = CUT_BROKEN;
      return false;
    }
  }
  return true;
}

/** The values of bytes[start, end): see CutCall. */
inline void cutValues(CutCall& result) {
  CutWalk walk = {result, PLACE_TOP, result.start, 0, 0, false};
  CutCall& call = walk.call;
  call.next = call.start;
  call.stop = CUT_MORE;
  BlockCarry carry = {0, 0, 0, 0};
  uint64_t at = call.start;
  bool goesOn = true;
  while (goesOn && call.end - at >= 64) {
    const uint64_t blocks = (call.end - at) / 64;
    const uint32_t count = blocks < CUT_BLOCKS ? uint32_t(blocks) : CUT_BLOCKS;
    goesOn = walkBlocks(walk, call.bytes + at, at, count, ~uint64_t(0), carry);
    at += uint64_t(count) * 64;
  }
  if (goesOn && at < call.end) {
    uint8_t last[64];
    std::memset(last, ' ', sizeof last);
    std::memcpy(last, call.bytes + at, call.end - at);
    walkBlocks(walk, last, at, 1, ~from(uint32_t(call.end - at)), carry);
  }
  if (call.stop == CUT_MORE && call.isLast && walk.place == PLACE_SCALAR) takeValue(walk, call.end);
  if (call.stop == CUT_MORE && walk.place == PLACE_TOP) call.next = call.end;
  else if (call.stop != CUT_STRAY && call.stop != CUT_CLOSED) call.next = walk.start;
  result = call;
}
