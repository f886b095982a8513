// Shape edit: makes a line's new bytes by splicing. Every byte that no edit names stays as it was.
#pragma once

#include "shape-hash.h"
#include "shape-line.h"

namespace millrace {

/** A piece of the line that a text replaces. */
struct Splice {
  const uint8_t* at;
  uint32_t removed;
  /** SHAPE_NONE: nothing, SPLICE_HASH: the hash of what is removed; or a text of the program. */
  uint32_t text;
  /** Of splices at one place the first one comes first. */
  uint32_t order;
  /** In front of the text. */
  bool needsComma;
};
constexpr uint32_t SPLICE_HASH = 0xfffffffe;

using SpliceList = GrowList<Splice>;

/** Writes `data` with these splices, which are in order; hashes are there when `jobs` have run. @returns Bytes written. */
uint32_t writeSplices(const ShapeProgram& program, const SpliceList& splices, ByteRange data, HashJobs& jobs, uint8_t* out);

/** Bytes that writeSplices writes at most. */
uint64_t splicedBytesMax(const ShapeProgram& program, const SpliceList& splices, uint64_t dataBytes);

/** Puts splices into the order of the line. */
void sortSplices(SpliceList& splices);

/** What the edits make of one line. The twin of src/shape/prefix/edit.ts. */
template <typename Position>
struct EditedLine {
  const ShapeProgram& program;
  const LineTokens<Position>& line;
  ShapeFinds& finds;
  SpliceList& splices;

  /** @returns False without memory. */
  bool plan() {
    splices.count = 0;
    for (uint32_t i = 0; i < finds.opened.count; i++) {
      ShapeOpened& opened = finds.opened.items[i];
      opened.isAllGone = opened.close == opened.open + 1;
      opened.nextGone = opened.open + 1;
      opened.seen = 0;
    }
    for (uint32_t i = 0; i < finds.hits.count; i++) {
      const ShapeHit& hit = finds.hits.items[i];
      const ShapeNode& node = program.nodes[hit.node];
      ShapeOpened& opened = finds.opened.items[hit.container];
      opened.seen |= uint64_t(1) << hit.node;
      if (!(node.isDropped ? planDrop(hit, opened) : planChange(hit, node))) return false;
    }
    for (uint32_t i = 0; i < finds.opened.count; i++) {
      const ShapeOpened& opened = finds.opened.items[i];
      if (program.nodes[opened.node].hasAdds && line.bytes[opened.open] == '{' && !planAdds(opened)) return false;
    }
    sortSplices(splices);
    return true;
  }

 private:
  bool add(const uint8_t* at, const uint8_t* end, uint32_t text, bool needsComma = false) {
    return splices.add({at, uint32_t(end - at), text, splices.count, needsComma});
  }

  bool planDrop(const ShapeHit& hit, ShapeOpened& opened) {
    const uint32_t first = hit.nameToken == SHAPE_NONE ? hit.valueToken : hit.nameToken;
    const uint32_t behind = line.behind(hit.valueToken);
    const bool isLast = line.bytes[behind] != ',';
    // Where something stays in front of it, its comma goes with it. White space behind it goes in any case: so edits come to the same
    // bytes in whatever order they are made.
    if (first != opened.nextGone) return add(line.start(first - 1), line.start(behind), SHAPE_NONE);
    opened.nextGone = behind + 1;
    if (isLast) opened.isAllGone = true;
    return add(line.start(first), line.start(isLast ? behind : behind + 1), SHAPE_NONE);
  }

  bool planChange(const ShapeHit& hit, const ShapeNode& node) {
    if (node.nameText != SHAPE_NONE && hit.nameToken != SHAPE_NONE) {
      if (!add(line.start(hit.nameToken), line.scalarEnd(hit.nameToken), node.nameText)) return false;
    }
    const ByteRange value = line.value(hit.valueToken);
    if (node.setText != SHAPE_NONE) return add(value.start, value.end, node.setText);
    // Null has no pseudonym.
    if (!node.isHashed || *value.start == 'n') return true;
    return add(value.start, value.end, SPLICE_HASH);
  }

  bool planAdds(const ShapeOpened& opened) {
    bool isAllGone = opened.isAllGone;
    const ShapeNode& parent = program.nodes[opened.node];
    const uint8_t* at = line.start(opened.close);
    for (uint32_t i = 0; i < parent.childCount; i++) {
      const uint32_t child = program.children[parent.firstChild + i];
      const uint32_t text = program.nodes[child].addText;
      if (text == SHAPE_NONE || ((opened.seen >> child) & 1) != 0) continue;
      if (!add(at, at, text, !isAllGone)) return false;
      isAllGone = false;
    }
    return true;
  }
};

}  // namespace millrace
