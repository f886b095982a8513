// Gunzip: see gunzip.h. Here is every step that may end anywhere; gunzip-fast.cc decodes where there is room for it.
#include "gunzip.h"

#include <cstring>

#include "crc32.h"

namespace millrace {
namespace {

constexpr uint32_t HEAD_CHECK_FLAG = 0x0200;
constexpr uint32_t EXTRA_FLAG = 0x0400;
constexpr uint32_t NAME_FLAG = 0x0800;
constexpr uint32_t COMMENT_FLAG = 0x1000;
constexpr uint32_t RESERVED_FLAGS = 0xe000;

/** In which order a block gives the lengths of the codes that its lengths are coded with. */
constexpr uint8_t ORDER_OF_LENGTHS[ORDER_SYMBOLS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

size_t smaller(size_t one, size_t other) { return one < other ? one : other; }

}  // namespace

void Gunzip::reset() {
  bitBuffer = bitCount = 0;
  mode = HEAD;
  isLast = hasFixedTables = false;
  flags = crc = total = 0;
  windowBytes = 0;
  why = nullptr;
}

Gunzip::Outcome Gunzip::step(const uint8_t* input, size_t inputBytes, uint8_t* output, size_t outputBytes) {
  in = input;
  inEnd = input + inputBytes;
  out = outStart = summed = output;
  outEnd = output + outputBytes;
  Outcome outcome = GO;
  while (outcome == GO) outcome = nextMode();
  sumOutput();
  keepWindow();
  consumed = size_t(in - input);
  produced = size_t(out - outStart);
  return outcome;
}

Gunzip::Outcome Gunzip::nextMode() {
  switch (mode) {
    case HEAD: return readHead();
    case FLAGS: return readFlags();
    case TIME: return skipHeadBytes(4, SYSTEM);
    case SYSTEM: return skipHeadBytes(2, EXTRA_BYTES);
    case EXTRA_BYTES: return readExtraBytes();
    case EXTRA: return readExtra();
    case NAME: return readText(NAME_FLAG, COMMENT);
    case COMMENT: return readText(COMMENT_FLAG, HEAD_CHECK);
    case HEAD_CHECK: return checkHead();
    case BLOCK: return readBlock();
    case STORED: return readStored();
    case STORED_COPY: return copyStored();
    case SIZES: return readSizes();
    case ORDER: return readOrder();
    case LENGTHS: return readLengths();
    case SYMBOL: return readSymbol();
    case LENGTH_EXTRA:
      if (!need(extraBits)) return STARVED;
      length += peek(extraBits);
      drop(extraBits);
      mode = DISTANCE;
      return GO;
    case DISTANCE: return readDistance();
    case DISTANCE_EXTRA:
      if (!need(extraBits)) return STARVED;
      distance += peek(extraBits);
      drop(extraBits);
      mode = MATCH;
      return distance > size_t(out - outStart) + windowBytes ? fail("invalid distance too far back") : GO;
    case MATCH: return copyMatch();
    case LITERAL: return putLiteral();
    case CHECK: return check(crc, "incorrect data check", TOTAL);
    case TOTAL: return check(total, "incorrect length check", DONE);
    case DONE: return MEMBER_END;
    case BROKEN: return DAMAGED;
  }
  return DAMAGED;
}

bool Gunzip::need(uint32_t bits) {
  while (bitCount < bits) {
    if (in == inEnd) return false;
    bitBuffer |= uint64_t(*in++) << bitCount;
    bitCount += 8;
  }
  return true;
}

Gunzip::Outcome Gunzip::fail(const char* reason) {
  why = reason;
  mode = BROKEN;
  return DAMAGED;
}

void Gunzip::headCheck(const uint8_t* bytes, size_t length) {
  if ((flags & HEAD_CHECK_FLAG) != 0) crc = crc32Of(crc, bytes, length);
}

Gunzip::Outcome Gunzip::readHead() {
  if (!need(16)) return STARVED;
  if (peek(16) != 0x8b1f) return fail("incorrect header check");
  drop(16);
  mode = FLAGS;
  return GO;
}

Gunzip::Outcome Gunzip::readFlags() {
  if (!need(16)) return STARVED;
  const uint32_t read = peek(16);
  if ((read & 0xff) != 8) return fail("unknown compression method");
  if ((read & RESERVED_FLAGS) != 0) return fail("unknown header flags set");
  flags = read;
  const uint8_t bytes[4] = {0x1f, 0x8b, uint8_t(read), uint8_t(read >> 8)};
  headCheck(bytes, 4);
  drop(16);
  mode = TIME;
  return GO;
}

Gunzip::Outcome Gunzip::skipHeadBytes(uint32_t count, Mode next) {
  if (!need(count * 8)) return STARVED;
  uint8_t bytes[4];
  for (uint32_t i = 0; i < count; i++) bytes[i] = uint8_t(bitBuffer >> (8 * i));
  headCheck(bytes, count);
  drop(count * 8);
  mode = next;
  return GO;
}

Gunzip::Outcome Gunzip::readExtraBytes() {
  length = 0;
  if ((flags & EXTRA_FLAG) != 0) {
    if (!need(16)) return STARVED;
    length = peek(16);
    return skipHeadBytes(2, EXTRA);
  }
  mode = NAME;
  return GO;
}

Gunzip::Outcome Gunzip::readExtra() {
  const size_t count = smaller(length, size_t(inEnd - in));
  headCheck(in, count);
  in += count;
  length -= uint32_t(count);
  if (length > 0) return STARVED;
  mode = NAME;
  return GO;
}

Gunzip::Outcome Gunzip::readText(uint32_t flag, Mode next) {
  if ((flags & flag) != 0) {
    if (in == inEnd) return STARVED;
    const void* zero = std::memchr(in, 0, size_t(inEnd - in));
    const uint8_t* end = zero == nullptr ? inEnd : static_cast<const uint8_t*>(zero) + 1;
    headCheck(in, size_t(end - in));
    in = end;
    if (zero == nullptr) return STARVED;
  }
  mode = next;
  return GO;
}

Gunzip::Outcome Gunzip::checkHead() {
  if ((flags & HEAD_CHECK_FLAG) != 0) {
    if (!need(16)) return STARVED;
    if (peek(16) != (crc & 0xffff)) return fail("header crc mismatch");
    drop(16);
  }
  crc = 0;
  mode = BLOCK;
  return GO;
}

Gunzip::Outcome Gunzip::readBlock() {
  if (isLast) {
    drop(bitCount & 7);
    mode = CHECK;
    return GO;
  }
  if (!need(3)) return STARVED;
  isLast = peek(1) != 0;
  const uint32_t kind = peek(3) >> 1;
  drop(3);
  if (kind == 3) return fail("invalid block type");
  if (kind == 1 && !hasFixedTables) {
    for (uint32_t i = 0; i < LENGTH_SYMBOLS; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    buildTable(lengthTable, LENGTH_TABLE_BITS, lengths, LENGTH_SYMBOLS, LENGTH_MEANINGS.of, false);
    std::memset(lengths, 5, DISTANCE_SYMBOLS);
    buildTable(distanceTable, DISTANCE_TABLE_BITS, lengths, DISTANCE_SYMBOLS, DISTANCE_MEANINGS.of, false);
    hasFixedTables = true;
    isJoined = false;
  }
  mode = kind == 0 ? STORED : kind == 1 ? SYMBOL : SIZES;
  return GO;
}

Gunzip::Outcome Gunzip::readStored() {
  drop(bitCount & 7);
  if (!need(32)) return STARVED;
  const uint32_t sizes = peek(32);
  if ((sizes & 0xffff) != (~sizes >> 16)) return fail("invalid stored block lengths");
  drop(32);
  length = sizes & 0xffff;
  mode = STORED_COPY;
  return GO;
}

Gunzip::Outcome Gunzip::copyStored() {
  const size_t count = smaller(length, smaller(size_t(inEnd - in), size_t(outEnd - out)));
  if (count > 0) std::memcpy(out, in, count);
  in += count;
  out += count;
  length -= uint32_t(count);
  if (length > 0) return in == inEnd ? STARVED : FULL;
  mode = BLOCK;
  return GO;
}

Gunzip::Outcome Gunzip::readSizes() {
  if (!need(14)) return STARVED;
  lengthCount = peek(5) + 257;
  distanceCount = (peek(10) >> 5) + 1;
  orderCount = (peek(14) >> 10) + 4;
  drop(14);
  if (lengthCount > 286 || distanceCount > 30) return fail("too many length or distance symbols");
  have = 0;
  mode = ORDER;
  return GO;
}

Gunzip::Outcome Gunzip::readOrder() {
  for (; have < orderCount; have++) {
    if (!need(3)) return STARVED;
    lengths[ORDER_OF_LENGTHS[have]] = uint8_t(peek(3));
    drop(3);
  }
  for (; have < ORDER_SYMBOLS; have++) lengths[ORDER_OF_LENGTHS[have]] = 0;
  if (!buildTable(orderTable, ORDER_TABLE_BITS, lengths, ORDER_SYMBOLS, ORDER_MEANINGS.of, false))
    return fail("invalid code lengths set");
  have = 0;
  mode = LENGTHS;
  return GO;
}

Gunzip::Outcome Gunzip::readLengths() {
  const uint32_t count = lengthCount + distanceCount;
  while (have < count) {
    uint32_t entry = orderTable[peek(ORDER_TABLE_BITS)];
    while (entryCodeBits(entry) > bitCount) {
      if (!need(bitCount + 1)) return STARVED;
      entry = orderTable[peek(ORDER_TABLE_BITS)];
    }
    // Where there is no code at all, every bit is read as a length of 0.
    const uint32_t symbol = entryValue(entry);
    const uint32_t codeBits = entryCodeBits(entry);
    if (symbol < 16) {
      drop(codeBits);
      lengths[have++] = uint8_t(symbol);
      continue;
    }
    const uint32_t repeatBits = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
    if (!need(codeBits + repeatBits)) return STARVED;
    drop(codeBits);
    if (symbol == 16 && have == 0) return fail("invalid bit length repeat");
    const uint32_t repeat = peek(repeatBits) + (symbol == 18 ? 11 : 3);
    const uint8_t repeated = symbol == 16 ? lengths[have - 1] : 0;
    drop(repeatBits);
    if (have + repeat > count) return fail("invalid bit length repeat");
    std::memset(lengths + have, repeated, repeat);
    have += repeat;
  }
  return finishTables();
}

Gunzip::Outcome Gunzip::finishTables() {
  if (lengths[256] == 0) return fail("invalid code -- missing end-of-block");
  hasFixedTables = isJoined = false;
  if (!buildTable(lengthTable, LENGTH_TABLE_BITS, lengths, lengthCount, LENGTH_MEANINGS.of, true))
    return fail("invalid literal/lengths set");
  if (!buildTable(distanceTable, DISTANCE_TABLE_BITS, lengths + lengthCount, distanceCount, DISTANCE_MEANINGS.of, true))
    return fail("invalid distances set");
  mode = SYMBOL;
  return GO;
}

/** Takes one code's bits, as soon as they are all there. @returns False where they are not. */
bool Gunzip::readCode(const uint32_t* table, uint32_t tableBits, uint32_t& entry) {
  for (;;) {
    entry = table[peek(tableBits)];
    uint32_t bits = entryCodeBits(entry);
    if ((entry & ENTRY_TABLE) != 0) {
      const uint32_t second = entryCodeBits(entry);
      entry = table[entryValue(entry) + (peek(tableBits + second) >> tableBits)];
      bits = tableBits + entryCodeBits(entry);
    }
    if (bits <= bitCount) {
      drop(bits);
      return true;
    }
    if (!need(bitCount + 1)) return false;
  }
}

Gunzip::Outcome Gunzip::readSymbol() {
  const Outcome outcome = runFast();
  if (outcome != GO || mode != SYMBOL) return outcome;
  uint32_t entry;
  if (!readCode(lengthTable, LENGTH_TABLE_BITS, entry)) return STARVED;
  length = entryValue(entry);
  if ((entry & ENTRY_LITERAL) != 0) {
    mode = LITERAL;
  } else if ((entry & ENTRY_UNUSUAL) != 0) {
    if ((entry & ENTRY_END) == 0) return fail("invalid literal/length code");
    mode = BLOCK;
  } else {
    extraBits = entryBits(entry) - entryCodeBits(entry);
    mode = LENGTH_EXTRA;
  }
  return GO;
}

Gunzip::Outcome Gunzip::readDistance() {
  uint32_t entry;
  if (!readCode(distanceTable, DISTANCE_TABLE_BITS, entry)) return STARVED;
  if ((entry & ENTRY_UNUSUAL) != 0) return fail("invalid distance code");
  distance = entryValue(entry);
  extraBits = entryBits(entry) - entryCodeBits(entry);
  mode = DISTANCE_EXTRA;
  return GO;
}

Gunzip::Outcome Gunzip::copyMatch() {
  for (; length > 0; length--) {
    if (out == outEnd) return FULL;
    const size_t written = size_t(out - outStart);
    *out = distance <= written ? out[-ptrdiff_t(distance)] : window[windowBytes + written - distance];
    out++;
  }
  mode = SYMBOL;
  return GO;
}

Gunzip::Outcome Gunzip::putLiteral() {
  if (out == outEnd) return FULL;
  *out++ = uint8_t(length);
  mode = SYMBOL;
  return GO;
}

Gunzip::Outcome Gunzip::check(const uint32_t& wanted, const char* reason, Mode next) {
  if (!need(32)) return STARVED;
  sumOutput();
  if (peek(32) != wanted) return fail(reason);
  drop(32);
  mode = next;
  return GO;
}

void Gunzip::sumOutput() {
  const size_t bytes = size_t(out - summed);
  if (bytes == 0) return;
  crc = crc32Of(crc, summed, bytes);
  total += uint32_t(bytes);
  summed = out;
}

void Gunzip::keepWindow() {
  const size_t bytes = size_t(out - outStart);
  if (bytes == 0) return;
  if (bytes >= WINDOW_BYTES_MAX) {
    std::memcpy(window, out - WINDOW_BYTES_MAX, WINDOW_BYTES_MAX);
    windowBytes = WINDOW_BYTES_MAX;
    return;
  }
  if (windowBytes + bytes > 2 * WINDOW_BYTES_MAX) {
    std::memmove(window, window + windowBytes - WINDOW_BYTES_MAX, WINDOW_BYTES_MAX);
    windowBytes = WINDOW_BYTES_MAX;
  }
  std::memcpy(window + windowBytes, outStart, bytes);
  windowBytes += bytes;
}

}  // namespace millrace
