// Shape line: one valid line as tokens, and where in it the places of a program are. Two ways lead to them: the windowed scanner notes
// them on its way (scan-shape.h), and `findPlaces` walks the tokens of any line, which `tokenize` has cut where there is no window.
#pragma once

#include <cstdlib>
#include <cstring>

#include "json-line.h"
#include "shape-program.h"

namespace millrace {

/** Memory that grows. There are no exceptions: whoever adds checks whether it worked. */
template <typename Element>
struct GrowList {
  Element* items = nullptr;
  uint32_t count = 0;
  uint32_t capacity = 0;

  /** @returns False without memory. */
  bool reserve(uint64_t wanted) {
    if (wanted <= capacity) return true;
    uint64_t next = capacity < 64 ? 64 : uint64_t(capacity) * 2;
    if (next < wanted) next = wanted;
    if (next > 0xffffffffu) return false;
    void* grown = std::realloc(items, next * sizeof(Element));
    if (grown == nullptr) return false;
    items = static_cast<Element*>(grown);
    capacity = uint32_t(next);
    return true;
  }
  bool add(const Element& element) {
    if (!reserve(uint64_t(count) + 1)) return false;
    items[count++] = element;
    return true;
  }
  void release() { std::free(items); }
};

/** Tokens of one line from `first` on, behind the last one a newline's or the end's: bytes, and where they stand from `base` on. */
template <typename Position>
struct LineTokens {
  const uint8_t* bytes;
  const Position* at;
  const uint8_t* base;
  uint32_t first;
  /** The token behind the line's last. */
  uint32_t end;
  /** Up to here bytes may be read, whatever they are. */
  const uint8_t* readableEnd;
  /** Whether there may be a backslash in it. */
  bool mayEscape;

  const uint8_t* start(uint32_t token) const { return base + at[token]; }
  /** Behind the last byte of the value or name that is this one token. */
  const uint8_t* scalarEnd(uint32_t token) const {
    const uint8_t* stop = base + at[token + 1];
    while (isJsonSpace(stop[-1])) stop--;
    return stop;
  }
  bool opens(uint32_t token) const { return bytes[token] == '{' || bytes[token] == '['; }
  /** The token behind a value's last. */
  uint32_t behind(uint32_t token) const {
    if (!opens(token)) return token + 1;
    int32_t depth = 0;
    for (;; token++) {
      const uint8_t byte = bytes[token];
      // Bit 5 and 1 are set in brackets that open, and 1 is not in those that close.
      if (byte == '{' || byte == '[') depth++;
      else if ((byte == '}' || byte == ']') && --depth == 0) return token + 1;
    }
  }
  ByteRange value(uint32_t token) const {
    if (!opens(token)) return {start(token), scalarEnd(token)};
    return {start(token), start(behind(token) - 1) + 1};
  }
};

/** A member or element that is edited. */
struct ShapeHit {
  uint32_t node;
  /** In `opened`. */
  uint32_t container;
  /** The name's token, or SHAPE_NONE for an element. */
  uint32_t nameToken;
  uint32_t valueToken;
};

/** An object or array, a child of which may be edited. */
struct ShapeOpened {
  uint32_t node;
  uint32_t open;
  uint32_t close;
  /** Where the next child starts, while none before it stays. */
  uint32_t nextGone;
  /** Children that stay: none. */
  bool isAllGone;
  /** Children that are there and edited, one bit each. */
  uint64_t seen;
};

struct ShapeFinds {
  /** Places that are in the line, one bit each; of equal names the last one counts. */
  uint64_t found;
  uint32_t valueAt[SHAPE_NODES_MAX];
  /** Every place that is edited, also of equal names that do not count, in the order of the line. */
  GrowList<ShapeHit> hits;
  GrowList<ShapeOpened> opened;
  bool lacksMemory;

  void begin() {
    found = 0;
    hits.count = 0;
    opened.count = 0;
    lacksMemory = false;
  }
  bool has(uint32_t node) const { return (found >> node) & 1; }
  void find(const ShapeNode& node, uint32_t index, uint32_t valueToken) {
    found = (found & ~node.subtree) | (uint64_t(1) << index);
    valueAt[index] = valueToken;
  }
  void hit(uint32_t node, uint32_t container, uint32_t nameToken, uint32_t valueToken) {
    if (!hits.add({node, container, nameToken, valueToken})) lacksMemory = true;
  }
  uint32_t openContainer(uint32_t node, uint32_t token) {
    if (!opened.add({node, token, SHAPE_NONE, token + 1, false, 0})) {
      lacksMemory = true;
      return SHAPE_NONE;
    }
    return opened.count - 1;
  }
  void closeContainer(uint32_t container, uint32_t token) {
    if (container != SHAPE_NONE) opened.items[container].close = token;
  }
};

/** Tokens of a line that lies in no window. */
struct OwnTokens {
  GrowList<uint8_t> bytes;
  GrowList<uint32_t> at;
};

/** Cuts valid JSON into tokens. @returns False without memory. */
bool tokenize(OwnTokens& tokens, const uint8_t* data, const uint8_t* dataEnd);

/** Finds the program's places in a line, whatever its names are. */
void findPlaces(const ShapeProgram& program, const LineTokens<uint32_t>& line, ShapeFinds& finds);

}  // namespace millrace
