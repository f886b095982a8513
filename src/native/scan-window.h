// Scan window: the fast way through lines, compiled once for each instruction set (scan-base.cc, scan-avx2.cc, scan-avx512.cc, scan-neon.cc).
// The including file opens a namespace of its own and gives, before including this:
//   struct Masks { uint64_t backslash, quote, delimiter, structural, control; };     one bit a byte of a block of 64
//   struct HighSeen;                                      remembers whether any byte was beyond ASCII: bool any() const
//   void classify(const uint8_t* block, Masks&, HighSeen&);
//     delimiter: ends a number; structural: one of { } [ ] : , or a newline. Beyond ASCII both may be anything: outside of a string
//     such a byte becomes a token, or part of one, that no check accepts.
//   void classifyEscapes(const uint8_t* block, uint64_t& escapable, uint64_t& hex, uint64_t& u);
//   struct TokenMasks { uint64_t quote, colon, comma, newline, openObject, closeObject, openArray, closeArray, letter; };
//     letter: bit 6 of the byte
//   void classifyTokens(const uint8_t* tokens, TokenMasks&);
//   uint64_t equalsByte(const uint8_t* bytes, uint8_t byte);
//   uint64_t differ(const uint8_t* bytes, const uint8_t* others);
//   uint64_t bracketsOf(const uint8_t* tokens);           those with BRACKET in BRACKET_BITS
//   uint32_t takeTokens(const uint8_t* block, uint64_t which, uint32_t blockAt, ScanState&, uint32_t tokenCount);
//     reads 65 bytes of the block; fills tokenBytes, tokenNext and tokenAt from tokenCount on
//   uint64_t prefixXor(uint64_t);
//   bool isPlainInteger(const uint8_t* at, const uint8_t* end);    false also for what it cannot decide
//   bool isPlainNumber(const uint8_t* at, const uint8_t* end);     the same for every form of number
//   uint32_t commonPrefix(const uint8_t* name, const uint8_t* wanted, uint32_t bytes, uint32_t left);
//   bool hasBackslash(const uint8_t* start, const uint8_t* end);
//
// Pass one (scan-tokens.h) turns bytes into tokens. Pass two, here, goes over the tokens in words of 64: JSON's grammar is a matter of
// neighbouring tokens, except for what a comma or a closing bracket needs to know about its container, so all pairs are checked at
// once with shifted masks, and only brackets and newlines are visited one by one.
//
// What this accepts is valid. Whatever it does not accept goes to validateLine, which decides: so a doubt costs time, never truth.

#include "scan-tokens.h"

/** How a line is walked, whatever is looked for in it. */
struct LineWalk {
  /** Open containers, the innermost in bit 0; 1 is an object. */
  uint64_t stack;
  /** How many are open, and the most that were open in this line. Negative after a closing bracket too many. */
  int32_t depth;
  int32_t depthSeen;
  /** Anything wrong so far. */
  uint64_t wrong;
  /** How many names have been followed into objects that are still open. */
  int32_t followed;
  /** Token that has to be the object to follow next, or NO_TOKEN. */
  uint32_t followAt;
  /** A name needs the slow search in this line. */
  bool needsSearch;
};

/** A walk that looks for the partition key alone. */
struct KeyWalk : LineWalk {
  /** Token of the key's value, or NO_TOKEN. */
  uint32_t valueAt;
};

constexpr uint32_t NO_TOKEN = 0xffffffff;
/** The walk's stack is one word. */
constexpr int32_t WALK_DEPTH_MAX = 63;
/** `followed` of a walk that compares no names: no depth comes near it. */
constexpr int32_t FOLLOWS_NOTHING = -(1 << 30);

/** Whether true, false or null starts here and ends where its token ends. */
inline bool isLiteralValid(const uint8_t* at, const uint8_t* end) {
  const size_t left = size_t(end - at);
  if (left < 4) return false;
  const bool isFalse = std::memcmp(at, "fals", 4) == 0 && left > 4 && at[4] == 'e';
  const bool isShort = std::memcmp(at, "true", 4) == 0 || std::memcmp(at, "null", 4) == 0;
  const uint8_t* after = at + 4 + isFalse;
  return (isFalse || isShort) && (after == end || isScalarEnd(*after));
}

/** Whether a number starts here and ends where its token ends. */
inline bool isNumberValid(const uint8_t* at, const uint8_t* end) {
  if (isPlainNumber(at, end)) return true;
  const uint8_t* after = skipNumber(at, end);
  return after != nullptr && (after == end || isScalarEnd(*after));
}

/** Position behind the last byte of the value whose token is `token`. */
inline const uint8_t* valueEnd(const WindowScan& scan, uint32_t token) {
  const uint8_t* end = scan.window + scan.state.tokenAt[token + 1];
  while (isJsonSpace(end[-1])) end--;
  return end;
}

/** Compares a member's name with the token of the pointer that is due. */
inline void matchName(WindowScan& scan, KeyWalk& walk, uint32_t token) {
  const ScanState& state = scan.state;
  const PointerToken& wanted = state.key.tokens[walk.followed];
  const uint8_t* name = scan.window + state.tokenAt[token] + 1;
  const uint32_t left = uint32_t(scan.window + scan.windowBytes - name);
  const uint32_t bytes = wanted.nameBytes;
  if (left > bytes) {
    const uint32_t same = commonPrefix(name, wanted.name, bytes, left);
    if (same < bytes) {
      if (name[same] == '\\') walk.needsSearch = true;
      return;
    }
    if (name[bytes] != '"') {
      if (name[bytes] == '\\') walk.needsSearch = true;
      return;
    }
  } else {
    return;
  }
  // The last of equal names wins, whatever the ones before led to.
  walk.valueAt = NO_TOKEN;
  walk.followAt = NO_TOKEN;
  if (walk.followed + 1 == int32_t(state.key.tokenCount)) {
    walk.valueAt = token + 2;
  } else {
    walk.followAt = token + 2;
  }
}

/** The value of a name that was followed opens. */
inline void openFollowed(WindowScan&, KeyWalk& walk, uint32_t, bool isObject) {
  if (isObject) walk.followed++;
  else walk.needsSearch = true;
}

/** An object that was followed has ended. */
inline void closeFollowed(WindowScan&, KeyWalk& walk, uint32_t) {
  if (walk.followed > 0) walk.followed--;
}

/** Before the line whose first token this is. */
inline void beginLine(WindowScan& scan, KeyWalk& walk, uint32_t) {
  constexpr KeyWalk FRESH = {{0, 0, 0, 0, 0, NO_TOKEN, false}, NO_TOKEN};
  walk = FRESH;
  // Without a plain pointer no name is compared.
  const ScanState& state = scan.state;
  if (!state.hasKey || !state.isKeyPlain || state.key.tokenCount == 0) walk.followed = FOLLOWS_NOTHING;
}

/** Newline of a line that need not be walked. */
inline uint32_t foreseenEnd(const KeyWalk&) { return NO_TOKEN; }

/** Whether the fast way cannot accept a line. */
inline bool isLineDoubted(WindowScan& scan, const LineWalk& walk, uint32_t newlineToken, uint32_t& doubtIndex) {
  ScanState& state = scan.state;
  bool isDoubted = (walk.wrong | uint64_t(walk.depth)) != 0 || walk.depthSeen > WALK_DEPTH_MAX ||
                   walk.depthSeen > int64_t(state.depthMax) || scan.doubtsAll;
  while (doubtIndex < state.doubtCount && state.doubts[doubtIndex] <= state.tokenAt[newlineToken]) [[unlikely]] {
    doubtIndex++;
    isDoubted = true;
  }
  return isDoubted;
}

/** Hands one line on. @returns False when the call has ended. */
inline bool finishLine(WindowScan& scan, KeyWalk& walk, uint32_t lineAt, uint32_t firstToken, uint32_t newlineToken,
                       uint32_t& doubtIndex) {
  ScanState& state = scan.state;
  const uint8_t* line = scan.window + lineAt;
  const uint8_t* lineEnd = scan.window + state.tokenAt[newlineToken];
  if (isLineDoubted(scan, walk, newlineToken, doubtIndex)) [[unlikely]] return validateLine(state, scan.call, line, line, lineEnd);
  if (firstToken == newlineToken) {
    scan.call.blankBefore++;
    return true;
  }
  const uint8_t* data = scan.window + state.tokenAt[firstToken];
  const uint8_t* dataEnd = lineEnd;
  while (isJsonSpace(dataEnd[-1])) dataEnd--;
  RecordKey key;
  key.key = nullptr;
  if (state.hasKey) {
    if (state.key.tokenCount == 0) walk.valueAt = firstToken;
    const bool startsArray = state.tokenBytes[firstToken] == '[';
    if (walk.needsSearch || !state.isKeyPlain || (startsArray && state.key.tokenCount > 0)) {
      if (!findKey(state, data, dataEnd, key)) key.key = nullptr;
    } else if (walk.valueAt != NO_TOKEN) {
      const uint8_t kind = state.tokenBytes[walk.valueAt];
      const uint8_t* value = scan.window + state.tokenAt[walk.valueAt];
      bool isUsable = false;
      if (kind == '"') {
        const uint8_t* inside = value + 1;
        const uint8_t* insideEnd = valueEnd(scan, walk.valueAt) - 1;
        isUsable = toKey(state, inside, insideEnd, scan.hasBackslashes && hasBackslash(inside, insideEnd), key);
      } else if (kind != '{' && kind != '[' && kind != 'n') {
        isUsable = toKey(state, value, valueEnd(scan, walk.valueAt), false, key);
      }
      if (!isUsable) key.key = nullptr;
    }
  }
  return addRecord(state, scan.call, line, lineEnd, data, dataEnd, key);
}

#include "scan-shape-walk.h"

/** Which tokens are wrong in an object, in an array and outside of all, whatever brackets surround them. */
struct WordChecks {
  uint64_t wrong[3];
  uint64_t names;
  uint64_t stops;
  uint64_t newlines;
};

/** The last token of the word before, as masks whose top bit counts. */
struct WordCarry {
  uint64_t quote, colon, comma, newline, openObject, openArray, valueEnd;
};

inline uint64_t follow(uint64_t now, uint64_t before) { return (now << 1) | (before >> 63); }

/** Tokens that may be names of the pointer, by the byte behind their quote; an escape may stand for any byte. */
inline uint64_t maybeWanted(const ScanState& state, uint32_t base) {
  if (state.nameStartCount == 0) return ~uint64_t(0);
  uint64_t maybe = equalsByte(state.tokenNext + base, '\\');
  for (uint32_t i = 0; i < state.nameStartCount; i++) maybe |= equalsByte(state.tokenNext + base, state.nameStarts[i]);
  return maybe;
}

/** How often integers are tried again where numbers are mixed. */
constexpr uint32_t MIXED_WINDOWS = 16;

/**
 * Checks the numbers among 64 tokens. The branch that asks for integers first is the fastest way where most numbers are integers,
 * and by far the slowest where that cannot be predicted; so a window with many others turns it off for the next ones.
 * @returns Which are wrong.
 */
inline uint64_t checkNumbers(WindowScan& scan, uint64_t numbers, uint32_t base) {
  const ScanState& state = scan.state;
  const uint8_t* end = scan.window + scan.windowBytes;
  uint64_t wrong = 0;
  if (state.hasMixedNumbers) {
    for (uint64_t left = numbers; left != 0; left &= left - 1) {
      const uint32_t bit = uint32_t(__builtin_ctzll(left));
      if (!isNumberValid(scan.window + state.tokenAt[base + bit], end)) [[unlikely]] wrong |= uint64_t(1) << bit;
    }
    return wrong;
  }
  for (uint64_t left = numbers; left != 0; left &= left - 1) {
    const uint32_t bit = uint32_t(__builtin_ctzll(left));
    const uint8_t* at = scan.window + state.tokenAt[base + bit];
    scan.numberCount++;
    if (isPlainInteger(at, end)) continue;
    scan.otherNumberCount++;
    if (!isNumberValid(at, end)) [[unlikely]] wrong |= uint64_t(1) << bit;
  }
  return wrong;
}

/** Checks all pairs of neighbours in 64 tokens. @param count How many of them there are. */
inline void checkWord(WindowScan& scan, uint32_t base, uint32_t count, WordCarry& carry, WordChecks& checks) {
  const ScanState& state = scan.state;
  const uint8_t* bytes = state.tokenBytes + base;
  TokenMasks is;
  classifyTokens(bytes, is);
  const uint64_t valid = count >= 64 ? ~uint64_t(0) : (uint64_t(1) << count) - 1;
  const uint64_t brackets = is.openObject | is.closeObject | is.openArray | is.closeArray;
  const uint64_t scalars = ~(is.quote | is.colon | is.comma | is.newline | brackets) & valid;
  // A string before a colon is a name.
  const uint64_t beforeColon = (is.colon >> 1) | (uint64_t(bytes[64] == ':') << 63);
  const uint64_t names = is.quote & beforeColon;
  const uint64_t values = (is.quote & ~beforeColon) | scalars;
  const uint64_t valueStarts = values | is.openObject | is.openArray;
  const uint64_t valueEnds = values | is.closeObject | is.closeArray;

  const uint64_t afterQuote = follow(is.quote, carry.quote);
  const uint64_t afterColon = follow(is.colon, carry.colon);
  const uint64_t afterComma = follow(is.comma, carry.comma);
  const uint64_t afterNewline = follow(is.newline, carry.newline);
  const uint64_t afterOpenObject = follow(is.openObject, carry.openObject);
  const uint64_t afterOpenArray = follow(is.openArray, carry.openArray);
  const uint64_t afterValue = follow(valueEnds, carry.valueEnd);
  carry = {is.quote, is.colon, is.comma, is.newline, is.openObject, is.openArray, valueEnds};

  uint64_t wrong = (is.colon & ~afterQuote) | (is.comma & ~afterValue) | (names & ~(afterOpenObject | afterComma)) |
                   (valueStarts & ~(afterColon | afterComma | afterOpenArray | afterNewline)) |
                   (is.closeObject & ~(afterOpenObject | afterValue)) | (is.closeArray & ~(afterOpenArray | afterValue)) |
                   (is.newline & ~(afterValue | afterNewline));
  const uint8_t* end = scan.window + scan.windowBytes;
  const uint64_t literals = scalars & is.letter;
  for (uint64_t left = literals; left != 0; left &= left - 1) {
    const uint32_t bit = uint32_t(__builtin_ctzll(left));
    if (!isLiteralValid(scan.window + state.tokenAt[base + bit], end)) [[unlikely]] wrong |= uint64_t(1) << bit;
  }
  wrong |= checkNumbers(scan, scalars & ~is.letter, base);
  // Commas know their container by what follows them: in an object a name, in an array a value.
  const uint64_t listed = valueStarts & afterComma;
  wrong &= valid;
  checks.wrong[0] = wrong | (names & valid);
  checks.wrong[1] = wrong | (listed & valid);
  checks.wrong[2] = wrong | ((names | listed) & valid);
  checks.names = names & valid & maybeWanted(state, base);
  checks.newlines = is.newline & valid;
  checks.stops = (brackets | is.newline) & valid;
}

/** Looks at the tokens `run` of a word, which stand in one container. */
template <typename Walk>
inline void walkRun(WindowScan& scan, Walk& walk, const WordChecks& checks, uint64_t run, uint32_t base) {
  const uint32_t context = walk.depth <= 0 ? 2 : uint32_t(walk.stack & 1);
  walk.wrong |= checks.wrong[context] & run;
  if (walk.depth == walk.followed + 1) {
    for (uint64_t left = checks.names & run; left != 0; left &= left - 1) {
      matchName(scan, walk, base + uint32_t(__builtin_ctzll(left)));
    }
  }
}

/** Enters or leaves a container. */
template <typename Walk>
inline void walkBracket(WindowScan& scan, Walk& walk, uint32_t token) {
  // The four brackets: bit 1 is set in those that open, bit 5 in those of objects.
  const uint8_t byte = scan.state.tokenBytes[token];
  const uint64_t isObject = (byte >> 5) & 1;
  if ((byte & 2) != 0) {
    if (token == walk.followAt) {
      openFollowed(scan, walk, token, isObject != 0);
      walk.followAt = NO_TOKEN;
    }
    walk.stack = (walk.stack << 1) | isObject;
    walk.depth++;
    if (walk.depth > walk.depthSeen) walk.depthSeen = walk.depth;
    return;
  }
  walk.wrong |= uint64_t(walk.depth <= 0) | ((walk.stack ^ isObject) & 1);
  walk.stack >>= 1;
  walk.depth--;
  if (walk.depth == walk.followed) closeFollowed(scan, walk, token);
}

template <typename Walk>
inline bool scanWindow(ScanState& state, ScanCall& call, const uint8_t* window, uint32_t windowBytes) {
  WindowScan scan = {state, call, window, windowBytes, 0, false, false, 0, 0};
  if (state.windowCount++ % MIXED_WINDOWS == 0) state.hasMixedNumbers = false;
  state.doubtCount = 0;
  findTokens(scan);
  std::memset(state.tokenBytes + scan.tokenCount, '\n', 64 + 1);

  Walk walk;
  beginLine(scan, walk, 0);
  WordCarry carry = {0, 0, 0, ~uint64_t(0), 0, 0, 0};
  uint32_t lineAt = 0;
  uint32_t firstToken = 0;
  uint32_t doubtIndex = 0;
  for (uint32_t base = 0; base < scan.tokenCount; base += 64) {
    WordChecks checks;
    checkWord(scan, base, scan.tokenCount - base, carry, checks);
    uint64_t done = 0;
    for (uint64_t left = checks.stops;;) {
      uint32_t token = foreseenEnd(walk);
      if (token != NO_TOKEN) {
        const uint64_t upTo = token - base < 64 ? ~uint64_t(0) >> (63 - (token - base)) : ~uint64_t(0);
        // Where its containers are the same, so is what is wrong in each of them alone.
        walk.wrong |= checks.wrong[0] & checks.wrong[1] & upTo & ~done;
        done = upTo;
        left &= ~upTo;
        if (token - base >= 64) break;
      } else {
        if (left == 0) break;
        const uint64_t stop = left & (0 - left);
        const uint64_t upTo = stop | (stop - 1);
        token = base + uint32_t(__builtin_ctzll(left));
        walkRun(scan, walk, checks, upTo & ~done, base);
        done = upTo;
        left ^= stop;
        if ((checks.newlines & stop) == 0) {
          walkBracket(scan, walk, token);
          continue;
        }
      }
      if (!finishLine(scan, walk, lineAt, firstToken, token, doubtIndex)) return false;
      lineAt = uint32_t(state.tokenAt[token]) + 1;
      firstToken = token + 1;
      beginLine(scan, walk, firstToken);
    }
    walkRun(scan, walk, checks, ~done, base);
  }
  if (scan.otherNumberCount * 8 > scan.numberCount) state.hasMixedNumbers = true;
  return true;
}
