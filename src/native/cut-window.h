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
  CutCall& call;
  CutPlace place;
  /** Of the value at hand. */
  uint64_t start;
  int64_t depth;
  bool hasNewline;
  /** Up to here it has been copied to its line. */
  uint64_t copied;
};

/** Copies the value at hand up to `to`, or a little further, while its bytes are in registers. What has no room now is copied at its end. */
inline void copyAhead(CutWalk& walk, uint64_t to) {
  CutCall& call = walk.call;
  const uint64_t out = call.linesUsed + (walk.copied - walk.start);
  if (walk.copied + 64 > call.end || out + 64 > call.linesBytes) return;
  std::memcpy(call.lines + out, call.bytes + walk.copied, 64);
  walk.copied = walk.copied + 64 < to ? walk.copied + 64 : to;
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
  if (walk.copied < end) std::memcpy(line + (walk.copied - walk.start), call.bytes + walk.copied, end - walk.copied);
  line[bytes] = '\n';
  double* row = call.rows + size_t(call.count) * OUTPUT_COLUMNS;
  row[0] = double(call.linesUsed);
  row[1] = double(call.objectOffset + walk.start);
  row[2] = 0;
  call.kinds[call.count] = walk.hasNewline ? VALUE_LINES : VALUE_LINE;
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
  walk.copied = at;
  walk.hasNewline = false;
  walk.depth = 1;
  walk.place = byte == '{' || byte == '[' ? PLACE_CONTAINER : byte == '"' ? PLACE_STRING : PLACE_SCALAR;
  return true;
}

/** The bits from `bit` on; none for 64. */
inline uint64_t from(uint32_t bit) { return bit >= 64 ? 0 : ~uint64_t(0) << bit; }

struct CutMasks {
  uint64_t quote, opens, closes, newline;
};

/** Exact, unlike the classes of a block, which may take bytes beyond ASCII for others. */
inline uint64_t spacesOf(const uint8_t* block, const CutMasks& is) {
  return equalsByte(block, ' ') | equalsByte(block, '\t') | equalsByte(block, '\r') | is.newline;
}

/** Where a number or a literal ends. Inside of strings nobody asks. */
inline uint64_t scalarEndsOf(const uint8_t* block, const CutMasks& is) {
  return spacesOf(block, is) | is.quote | is.opens | is.closes | equalsByte(block, ':') | equalsByte(block, ',');
}

/** @returns False when the call has ended. */
inline bool walkBlock(CutWalk& walk, const uint8_t* block, uint64_t blockAt, const CutMasks& is, uint64_t within) {
  for (uint32_t bit = 0;;) {
    const uint64_t rest = from(bit) & within;
    if (walk.place == PLACE_CONTAINER) {
      // In steps of a block, each behind the one before.
      if (walk.copied <= blockAt) copyAhead(walk, blockAt + 64);
      const uint64_t closes = is.closes & rest;
      if (__builtin_popcountll(closes) < walk.depth) {
        walk.depth += __builtin_popcountll(is.opens & rest) - __builtin_popcountll(closes);
        walk.hasNewline |= (is.newline & rest) != 0;
        return true;
      }
      uint64_t left = closes | (is.opens & rest);
      uint64_t one = 0;
      do {
        if (left == 0) {
          walk.hasNewline |= (is.newline & rest) != 0;
          return true;
        }
        one = left & (0 - left);
        walk.depth += (closes & one) != 0 ? -1 : 1;
        left ^= one;
      } while (walk.depth > 0);
      walk.hasNewline |= (is.newline & rest & (one - 1)) != 0;
      bit = uint32_t(__builtin_ctzll(one)) + 1;
      if (!takeValue(walk, blockAt + bit)) return false;
    } else if (walk.place == PLACE_TOP) {
      const uint64_t seen = ~spacesOf(block, is) & rest;
      if (seen == 0) return true;
      bit = uint32_t(__builtin_ctzll(seen));
      if (!beginValue(walk, block[bit], blockAt + bit)) return false;
      bit++;
    } else if (walk.place == PLACE_STRING) {
      const uint64_t ends = is.quote & rest;
      if (ends == 0) return true;
      bit = uint32_t(__builtin_ctzll(ends)) + 1;
      if (!takeValue(walk, blockAt + bit)) return false;
    } else {
      const uint64_t ends = scalarEndsOf(block, is) & rest;
      if (ends == 0) return true;
      bit = uint32_t(__builtin_ctzll(ends));
      if (!takeValue(walk, blockAt + bit)) return false;
    }
  }
}

/** The values of bytes[start, end): see CutCall. */
inline void cutValues(CutCall& call) {
  CutWalk walk = {call, PLACE_TOP, call.start, 0, false, call.start};
  BlockCarry carry = {0, 0, 0, 0};
  call.next = call.start;
  call.stop = CUT_MORE;
  uint8_t last[64];
  for (uint64_t at = call.start; at < call.end; at += 64) {
    const uint8_t* block = call.bytes + at;
    const uint64_t left = call.end - at;
    if (left < 64) {
      std::memset(last, ' ', sizeof last);
      std::memcpy(last, block, left);
      block = last;
    }
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
    uint64_t within = left >= 64 ? ~uint64_t(0) : ~from(uint32_t(left));
    const uint64_t broken = is.newline & inString & within;
    if (broken != 0) within &= (broken & (0 - broken)) - 1;
    if (!walkBlock(walk, block, at, is, within)) break;
    if (broken != 0) [[unlikely]] {
      call.stop = CUT_BROKEN;
      break;
    }
  }
  if (call.stop == CUT_MORE && call.isLast && walk.place == PLACE_SCALAR) takeValue(walk, call.end);
  if (call.stop == CUT_MORE && walk.place == PLACE_TOP) call.next = call.end;
  else if (call.stop != CUT_STRAY && call.stop != CUT_CLOSED) call.next = walk.start;
}
