// Scan shape walk: how a line is walked where stages look for the places of a program, of which the partition key is one. Included by
// scan-window.h, inside the namespace of an instruction set.
//
// A line that is made like the ones before (shape-pattern.h) is not walked: its tokens and names are compared, all at once.

/** A walk that looks for all places of a program, of which the partition key is one. */
struct ShapeWalk : LineWalk {
  /** The place whose object has to follow. */
  uint32_t followNode;
  /** The newline of a line that is made like the ones before and need not be walked, or NO_TOKEN. */
  uint32_t foreseenEnd;
};

/** Compares a member's name with those of the places that are due. */
inline void matchName(WindowScan& scan, ShapeWalk& walk, uint32_t token) {
  const ScanState& state = scan.state;
  ShapeState& shape = *state.shape;
  const ShapeProgram& program = shape.program;
  const uint32_t parentAt = shape.nodeAt[walk.followed + 1];
  const ShapeNode& parent = program.nodes[parentAt];
  const uint8_t* name = scan.window + state.tokenAt[token] + 1;
  const uint32_t left = uint32_t(scan.window + scan.windowBytes - name);
  const auto take = [&](uint32_t index) {
    const uint32_t child = program.children[parent.firstChild + index];
    const ShapeNode& node = program.nodes[child];
    shape.seen.add({token, parentAt, child});
    shape.nextChild[parentAt] = index + 1;
    shape.finds.find(node, child, token + 2);
    if (node.isEdited) shape.finds.hit(child, shape.containerAt[walk.followed + 1], token, token + 2);
    walk.followAt = node.childCount > 0 ? token + 2 : NO_TOKEN;
    walk.followNode = child;
  };
  uint32_t next = shape.nextChild[parentAt];
  if (next >= parent.childCount) next = 0;
  if (left >= 8 && parent.childCount > 0) {
    const ShapeName& expected = program.childNames[parent.firstChild + next];
    uint64_t word;
    std::memcpy(&word, name, 8);
    if (expected.mask != 0 && (word & expected.mask) == expected.word) return take(next);
  }
  for (uint32_t i = 0; i < parent.childCount; i++, next++) {
    if (next >= parent.childCount) next = 0;
    const ShapeNode& node = program.nodes[program.children[parent.firstChild + next]];
    // Most names end here; one that begins with an escape may stand for any.
    if (node.start != *name && *name != '\\') continue;
    const uint32_t bytes = node.name.length;
    if (left <= bytes) continue;
    const uint32_t same = bytes == 1 ? uint32_t(node.start == *name) : commonPrefix(name, node.name.bytes, bytes, left);
    if (name[same] == '\\') walk.needsSearch = true;
    if (same < bytes || name[bytes] != '"') continue;
    return take(next);
  }
  shape.seen.add({token, parentAt, SHAPE_NONE});
}

inline void openFollowed(WindowScan& scan, ShapeWalk& walk, uint32_t token, bool isObject) {
  ShapeState& shape = *scan.state.shape;
  const ShapeNode& node = shape.program.nodes[walk.followNode];
  if (!isObject) {
    if (node.hasIndexChild) walk.needsSearch = true;
    return;
  }
  walk.followed++;
  shape.nodeAt[walk.followed + 1] = walk.followNode;
  shape.containerAt[walk.followed + 1] = node.isEditParent ? shape.finds.openContainer(walk.followNode, token) : SHAPE_NONE;
}

inline void closeFollowed(WindowScan& scan, ShapeWalk& walk, uint32_t token) {
  if (walk.followed < 0) return;
  ShapeState& shape = *scan.state.shape;
  shape.finds.closeContainer(shape.containerAt[walk.followed + 1], token);
  walk.followed--;
}

/** Whether a line is made like the pattern's, and no other name in it can be one that is looked for. */
inline bool isForeseen(const WindowScan& scan, const LinePattern& pattern, uint32_t firstToken) {
  const ScanState& state = scan.state;
  const uint8_t* bytes = state.tokenBytes + firstToken;
  if ((differ(bytes, pattern.bytes) & pattern.fixed) != 0) return false;
  if (((differ(state.tokenNext + firstToken, pattern.next) & pattern.isName) | (bracketsOf(bytes) & pattern.values)) != 0) return false;
  const uint16_t* at = state.tokenAt + firstToken;
  // So that words can be read whole.
  if (uint32_t(at[pattern.tokenCount - 1]) + 8 > scan.windowBytes) return false;
  uint64_t others = 0;
  for (uint32_t i = 0; i < pattern.nameCount; i++) {
    const PatternName& name = pattern.names[i];
    const uint8_t* start = scan.window + at[name.token] + 1;
    others |= (wordAt(start) ^ name.start.word) & name.start.mask;
    if (name.longNode == SHAPE_NONE) continue;
    const ShapeText& text = state.shape->program.nodes[name.longNode].name;
    const bool isWithin = start + text.length < scan.window + scan.windowBytes;
    if (!isWithin || std::memcmp(start, text.bytes, text.length) != 0 || start[text.length] != '"') return false;
  }
  return others == 0;
}

/** Whether a line is of a known kind, which is the latest then. */
inline bool foresee(const WindowScan& scan, LinePatterns& known, uint32_t firstToken) {
  if (isForeseen(scan, *known.latest, firstToken)) [[likely]] return true;
  for (uint32_t i = 0; i < known.count; i++) {
    LinePattern& pattern = known.patterns[i];
    if (&pattern == known.latest || !isForeseen(scan, pattern, firstToken)) continue;
    known.latest = &pattern;
    return true;
  }
  return false;
}

inline uint32_t foreseenEnd(const ShapeWalk& walk) { return walk.foreseenEnd; }

inline void beginLine(WindowScan& scan, ShapeWalk& walk, uint32_t firstToken) {
  constexpr ShapeWalk FRESH = {{0, 0, 0, 0, -1, NO_TOKEN, false}, 0, NO_TOKEN};
  walk = FRESH;
  ShapeState& shape = *scan.state.shape;
  LinePatterns& known = shape.known;
  if (known.latest != nullptr && firstToken < scan.tokenCount) {
    if (foresee(scan, known, firstToken)) [[likely]] {
      walk.foreseenEnd = firstToken + known.latest->tokenCount - 1;
      return;
    }
    distrustPatterns(known);
  }
  shape.seen.count = 0;
  shape.finds.begin();
  shape.finds.find(shape.program.nodes[0], 0, firstToken);
  walk.followAt = firstToken;
  if (!shape.program.isPlain) {
    walk.followed = FOLLOWS_NOTHING;
    walk.followAt = NO_TOKEN;
    walk.needsSearch = true;
  }
}

inline bool finishLine(WindowScan& scan, ShapeWalk& walk, uint32_t lineAt, uint32_t firstToken, uint32_t newlineToken,
                       uint32_t& doubtIndex) {
  ScanState& state = scan.state;
  const uint8_t* line = scan.window + lineAt;
  const uint8_t* lineEnd = scan.window + state.tokenAt[newlineToken];
  if (isLineDoubted(scan, walk, newlineToken, doubtIndex)) [[unlikely]] return validateLine(state, scan.call, line, line, lineEnd);
  if (firstToken == newlineToken) {
    scan.call.blankBefore++;
    return true;
  }
  if (walk.needsSearch || state.shape->finds.lacksMemory) [[unlikely]] return validateLine(state, scan.call, line, line, lineEnd);
  if (state.shape->program.hasSample && !isSampled(state, scan.call, line)) {
    scan.call.leftOutBefore += UNSAMPLED;
    return true;
  }
  const uint8_t* dataEnd = lineEnd;
  while (isJsonSpace(dataEnd[-1])) dataEnd--;
  ShapeState& shape = *state.shape;
  const uint8_t* data = scan.window + state.tokenAt[firstToken];
  LineTokens<uint16_t> tokens = {state.tokenBytes, state.tokenAt, scan.window, firstToken, newlineToken,
                                 scan.window + scan.windowBytes, scan.hasBackslashes};
  LinePatterns& known = shape.known;
  if (walk.foreseenEnd != NO_TOKEN) {
    if (known.trust < PATTERN_TRUST_MAX) known.trust++;
    known.used++;
    tokens.bytes += firstToken;
    tokens.at += firstToken;
    tokens.end -= firstToken;
    tokens.first = 0;
    return sinkShaped(state, scan.call, {line, lineEnd}, {data, dataEnd}, tokens, known.latest->finds);
  }
  const uint32_t tokenCount = newlineToken - firstToken + 1;
  if (tokenCount <= PATTERN_TOKENS_MAX) {
    const WalkedLine walked = {state.tokenBytes + firstToken, state.tokenNext + firstToken, state.tokenAt + firstToken, firstToken,
                               tokenCount, scan.window, scan.windowBytes};
    learnPattern(known, shape.program, walked, shape.seen, shape.finds);
  }
  return sinkShaped(state, scan.call, {line, lineEnd}, {data, dataEnd}, tokens, shape.finds);
}

