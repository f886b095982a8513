// Shape pattern: see shape-pattern.h.
#include "shape-pattern.h"

namespace millrace {
namespace {

bool isBracket(uint8_t byte) { return byte == '{' || byte == '}' || byte == '[' || byte == ']'; }

/** Whether a name's first eight bytes, none of them its closing quote, may be those of a child. */
bool mayBeChild(const ShapeProgram& program, uint32_t parent, const uint8_t* name) {
  const ShapeNode& node = program.nodes[parent];
  for (uint32_t i = 0; i < node.childCount; i++) {
    const ShapeText& wanted = program.nodes[program.children[node.firstChild + i]].name;
    if (wanted.length >= 8 && std::memcmp(name, wanted.bytes, 8) == 0) return true;
  }
  return false;
}

/** @returns False for a name that is too much to compare. */
bool takeName(LinePattern& pattern, const ShapeProgram& program, const WalkedLine& line, const SeenName& seen) {
  const uint32_t token = seen.token - line.first;
  const uint8_t* name = line.window + line.at[token] + 1;
  if (line.window + line.windowBytes - name < 8) return false;
  PatternName& taken = pattern.names[pattern.nameCount++];
  uint8_t mask[8];
  std::memset(mask, 0xff, 8);
  const void* quote = std::memchr(name, '"', 8);
  taken.token = token;
  taken.longNode = SHAPE_NONE;
  if (quote != nullptr) {
    const size_t bytes = size_t(static_cast<const uint8_t*>(quote) - name) + 1;
    std::memset(mask + bytes, 0, 8 - bytes);
  } else if (seen.node != SHAPE_NONE) {
    taken.longNode = seen.node;
  } else if (mayBeChild(program, seen.parent, name)) {
    return false;
  }
  std::memcpy(&taken.start.word, name, 8);
  std::memcpy(&taken.start.mask, mask, 8);
  taken.start.word &= taken.start.mask;
  return true;
}

bool takeFinds(ShapeFinds& to, const ShapeProgram& program, const ShapeFinds& from, uint32_t first) {
  const auto moved = [first](uint32_t token) { return token == SHAPE_NONE ? token : token - first; };
  to.begin();
  to.found = from.found;
  for (uint32_t node = 0; node < program.nodeCount; node++) {
    if (from.has(node)) to.valueAt[node] = moved(from.valueAt[node]);
  }
  for (uint32_t i = 0; i < from.hits.count; i++) {
    const ShapeHit& hit = from.hits.items[i];
    to.hit(hit.node, hit.container, moved(hit.nameToken), moved(hit.valueToken));
  }
  for (uint32_t i = 0; i < from.opened.count; i++) {
    const ShapeOpened& opened = from.opened.items[i];
    to.closeContainer(to.openContainer(opened.node, moved(opened.open)), moved(opened.close));
  }
  return !to.lacksMemory;
}

/** What has to be the same: everything but values that are one token; of names also how they begin. */
void takeTokens(LinePattern& pattern, const WalkedLine& line) {
  pattern.fixed = pattern.isName = pattern.values = 0;
  for (uint32_t i = 0; i < line.count; i++) {
    const uint8_t byte = line.bytes[i];
    pattern.bytes[i] = byte;
    pattern.next[i] = line.next[i];
    const uint64_t bit = uint64_t(1) << i;
    const bool isName = byte == '"' && line.bytes[i + 1] == ':';
    const bool isFixed = isName || isBracket(byte) || byte == ':' || byte == ',' || byte == '\n';
    (isFixed ? pattern.fixed : pattern.values) |= bit;
    if (isName) pattern.isName |= bit;
  }
}

void forget(LinePatterns& known) {
  known.count = known.oldest = 0;
  known.latest = nullptr;
  known.pauseNext = known.used >= PATTERN_USED_MIN ? 0 : known.pauseNext * 2 + 1;
  if (known.pauseNext > PATTERN_PAUSE_MAX) known.pauseNext = PATTERN_PAUSE_MAX;
  known.pause = known.pauseNext;
}

/** @returns False for a line that has too much to compare. */
bool takeLine(LinePattern& pattern, const ShapeProgram& program, const WalkedLine& line, const SeenNames& seen, const ShapeFinds& finds) {
  // A line that is one value without brackets could stand for a blank one.
  if (!isBracket(line.bytes[0]) || seen.count > PATTERN_NAMES_MAX) return false;
  pattern.nameCount = 0;
  for (uint32_t i = 0; i < seen.count; i++) {
    if (!takeName(pattern, program, line, seen.names[i])) return false;
  }
  takeTokens(pattern, line);
  pattern.tokenCount = line.count;
  return takeFinds(pattern.finds, program, finds, line.first);
}

}  // namespace

void distrustPatterns(LinePatterns& known) {
  known.trust -= PATTERN_TRUST_LOST;
  if (known.trust < 0) forget(known);
}

void learnPattern(LinePatterns& known, const ShapeProgram& program, const WalkedLine& line, const SeenNames& seen, const ShapeFinds& finds) {
  if (known.pause > 0) {
    known.pause--;
    return;
  }
  if (known.count == 0) {
    known.trust = PATTERN_TRUST_FIRST;
    known.used = 0;
  }
  LinePattern& pattern = known.patterns[known.count < PATTERNS_MAX ? known.count : known.oldest];
  // What it was before is lost in any case.
  if (!takeLine(pattern, program, line, seen, finds)) return forget(known);
  known.latest = &pattern;
  if (known.count < PATTERNS_MAX) known.count++;
  else known.oldest = (known.oldest + 1) % PATTERNS_MAX;
}

}  // namespace millrace
