// Shape program: see shape-program.h.
#include "shape-program.h"

#include <cstdlib>
#include <cstring>

#include "shape-hash.h"

namespace millrace {
namespace {

/** Vectors may be read past the end of a text. */
constexpr size_t TEXT_SLACK = 64;
constexpr uint32_t HEADER_CELLS = 12;
constexpr uint32_t NODE_CELLS = 6;
constexpr uint32_t OP_CELLS = 7;
constexpr uint32_t CONSTANT_CELLS = 5;
constexpr uint32_t TEXT_CELLS = 2;

struct Cells {
  const uint32_t* at;
  uint32_t next() { return *at++; }
};

bool isPlainName(ShapeText name) {
  for (uint32_t i = 0; i < name.length; i++) {
    if (name.bytes[i] < 0x20 || name.bytes[i] == '"' || name.bytes[i] == '\\') return false;
  }
  return true;
}

/** Whether a name can be an array index: digits without leading zeros, below 2^32. */
void readIndex(ShapeNode& node) {
  const ShapeText& name = node.name;
  node.isIndex = name.length > 0 && (name.length == 1 || name.bytes[0] != '0');
  uint64_t index = 0;
  for (uint32_t i = 0; i < name.length && node.isIndex; i++) {
    if (name.bytes[i] < '0' || name.bytes[i] > '9') node.isIndex = false;
    index = index * 10 + uint64_t(name.bytes[i] - '0');
    if (index > 0xffffffffu) index = 0xffffffffu;
  }
  node.index = uint32_t(index);
}

ShapeName shortName(ShapeText name) {
  if (name.length > 7) return {};
  uint8_t bytes[8] = {}, mask[8] = {};
  if (name.length > 0) std::memcpy(bytes, name.bytes, name.length);
  bytes[name.length] = '"';
  std::memset(mask, 0xff, name.length + 1);
  ShapeName result;
  std::memcpy(&result.word, bytes, 8);
  std::memcpy(&result.mask, mask, 8);
  return result;
}

/** What follows from the tree: children in one row each, what lies below, what is edited. Parents stand before their children. */
void linkNodes(ShapeProgram& program) {
  uint32_t filled = 0;
  for (uint32_t i = 0; i < program.nodeCount; i++) {
    ShapeNode& node = program.nodes[i];
    node.firstChild = filled;
    for (uint32_t child = i + 1; child < program.nodeCount; child++) {
      if (program.nodes[child].parent != i) continue;
      program.childNames[filled] = shortName(program.nodes[child].name);
      program.children[filled++] = child;
      node.childCount++;
      if (program.nodes[child].isIndex) node.hasIndexChild = true;
    }
    node.subtree = uint64_t(1) << i;
    node.isEdited = node.isDropped || node.isHashed || node.setText != SHAPE_NONE || node.nameText != SHAPE_NONE;
  }
  for (uint32_t i = program.nodeCount; i-- > 1;) {
    ShapeNode& parent = program.nodes[program.nodes[i].parent];
    parent.subtree |= program.nodes[i].subtree;
    if (program.nodes[i].isEdited) {
      parent.isEditParent = true;
      program.hasEdits = true;
    }
    if (program.nodes[i].addText != SHAPE_NONE) parent.hasAdds = true;
  }
}

void collectStarts(ShapeProgram& program) {
  program.isPlain = true;
  for (uint32_t i = 1; i < program.nodeCount; i++) {
    const ShapeText& name = program.nodes[i].name;
    if (!isPlainName(name)) program.isPlain = false;
    // Behind the opening quote of the empty name stands the closing one.
    const uint8_t start = name.length == 0 ? '"' : name.bytes[0];
    program.nodes[i].start = start;
    bool isKnown = program.startCount > SHAPE_STARTS_MAX;
    for (uint32_t k = 0; k < program.startCount && !isKnown; k++) isKnown = program.starts[k] == start;
    if (isKnown) continue;
    if (program.startCount == SHAPE_STARTS_MAX) {
      program.startCount++;
      continue;
    }
    program.starts[program.startCount++] = start;
  }
  if (program.startCount > SHAPE_STARTS_MAX) program.startCount = 0;
}

/** Makes chains of `&&`, and of `||`, lean to the right, where they are walked in a loop. Both are associative (shape-where.h). */
void leanRight(ShapeProgram& program) {
  for (uint32_t i = 0; i < program.opCount; i++) {
    ShapeOp& op = program.ops[i];
    if (op.kind != OP_AND && op.kind != OP_OR) continue;
    while (program.ops[op.left].kind == op.kind) {
      const uint32_t turned = op.left;
      ShapeOp& left = program.ops[turned];
      op.left = left.left;
      left.left = left.right;
      left.right = op.right;
      op.right = turned;
    }
  }
}

void writeDigits(ShapeConstant& constant) {
  if (constant.kind != CONST_INT || constant.integer < 0) return;
  uint8_t reversed[20];
  uint32_t count = 0;
  uint64_t left = uint64_t(constant.integer);
  do {
    reversed[count++] = uint8_t('0' + left % 10);
    left /= 10;
  } while (left > 0);
  if (count > CONSTANT_DIGITS_MAX) return;
  constant.digitCount = count;
  for (uint32_t i = 0; i < count; i++) {
    constant.digits[i] = reversed[count - 1 - i];
    constant.digitsHigh = constant.digitsHigh << 8 | constant.digitsLow >> 56;
    constant.digitsLow = constant.digitsLow << 8 | constant.digits[i];
  }
}

void writeStart(ShapeConstant& constant) {
  ShapeStart& start = constant.start;
  const ShapeText& text = constant.text;
  start.isPlain = isPlainName(text);
  start.isWhole = text.length < QUICK_BYTES;
  start.hasWholeText = text.length <= QUICK_BYTES;
  uint8_t bytes[QUICK_BYTES] = {}, mask[QUICK_BYTES] = {}, textMask[QUICK_BYTES] = {};
  const uint32_t textBytes = start.hasWholeText ? text.length : QUICK_BYTES;
  if (textBytes > 0) std::memcpy(bytes, text.bytes, textBytes);
  std::memset(textMask, 0xff, textBytes);
  std::memset(mask, 0xff, textBytes + start.isWhole);
  if (start.isWhole) bytes[textBytes] = '"';
  std::memcpy(start.word, bytes, QUICK_BYTES);
  std::memcpy(start.mask, mask, QUICK_BYTES);
  std::memcpy(start.textMask, textMask, QUICK_BYTES);
}

uint32_t ordersOf(Relation relation) {
  constexpr uint32_t LESS = 1, EQUAL = 2, GREATER = 4;
  switch (relation) {
    case REL_EQ: return EQUAL;
    case REL_NE: return LESS | GREATER;
    case REL_LT: return LESS;
    case REL_LE: return LESS | EQUAL;
    case REL_GT: return GREATER;
    default: return GREATER | EQUAL;
  }
}

}  // namespace

bool readProgram(ShapeProgram& program, const uint8_t* bytes, size_t length) {
  program = {};
  program.memory = static_cast<uint8_t*>(std::calloc(length + TEXT_SLACK, 1));
  if (program.memory == nullptr || length < HEADER_CELLS * 4) return false;
  std::memcpy(program.memory, bytes, length);
  Cells cells = {reinterpret_cast<const uint32_t*>(program.memory)};
  program.nodeCount = cells.next();
  program.opCount = cells.next();
  program.rootOp = cells.next();
  program.constantCount = cells.next();
  program.textCount = cells.next();
  program.onError = OnError(cells.next());
  program.hasSample = cells.next() != 0;
  program.sampleBelow = cells.next();
  program.keyNode = cells.next();
  program.keyEdit = KeyEdit(cells.next());
  const uint32_t keyText = cells.next();
  const uint32_t blobAt = cells.next();
  const uint64_t cellCount = HEADER_CELLS + uint64_t(program.nodeCount) * NODE_CELLS + uint64_t(program.opCount) * OP_CELLS +
                             uint64_t(program.constantCount) * CONSTANT_CELLS + uint64_t(program.textCount) * TEXT_CELLS;
  if (program.nodeCount == 0 || program.nodeCount > SHAPE_NODES_MAX || cellCount * 4 != blobAt || blobAt > length) return false;
  program.ops = static_cast<ShapeOp*>(std::calloc(program.opCount + 1, sizeof(ShapeOp)));
  program.constants = static_cast<ShapeConstant*>(std::calloc(program.constantCount + 1, sizeof(ShapeConstant)));
  program.texts = static_cast<ShapeText*>(std::calloc(program.textCount + 1, sizeof(ShapeText)));
  if (program.ops == nullptr || program.constants == nullptr || program.texts == nullptr) return false;
  const uint32_t* textCells = reinterpret_cast<const uint32_t*>(program.memory) + (cellCount - uint64_t(program.textCount) * TEXT_CELLS);
  for (uint32_t i = 0; i < program.textCount; i++) {
    program.texts[i] = {program.memory + blobAt + textCells[i * 2], textCells[i * 2 + 1]};
  }
  for (uint32_t i = 0; i < program.nodeCount; i++) {
    ShapeNode& node = program.nodes[i];
    node.parent = cells.next();
    node.name = program.texts[cells.next()];
    const uint32_t flags = cells.next();
    node.isDropped = (flags & 1) != 0;
    node.isHashed = (flags & 2) != 0;
    node.setText = cells.next();
    node.addText = cells.next();
    node.nameText = cells.next();
    readIndex(node);
  }
  for (uint32_t i = 0; i < program.opCount; i++) {
    ShapeOp& op = program.ops[i];
    op.kind = ShapeOpKind(cells.next());
    op.node = cells.next();
    op.relation = Relation(cells.next());
    op.orders = ordersOf(op.relation);
    op.constant = cells.next();
    op.constantCount = cells.next();
    op.left = cells.next();
    op.right = cells.next();
  }
  for (uint32_t i = 0; i < program.constantCount; i++) {
    ShapeConstant& constant = program.constants[i];
    constant.kind = ConstantKind(cells.next());
    constant.text = program.texts[cells.next()];
    const uint64_t low = cells.next();
    const uint64_t bits = low | (uint64_t(cells.next()) << 32);
    cells.next();
    std::memcpy(&constant.integer, &bits, 8);
    std::memcpy(&constant.number, &bits, 8);
    writeDigits(constant);
    writeStart(constant);
  }
  leanRight(program);
  linkNodes(program);
  collectStarts(program);
  if (keyText != SHAPE_NONE) prepareHmac(program.hashKey, program.texts[keyText].bytes, program.texts[keyText].length);
  return true;
}

void freeProgram(ShapeProgram& program) {
  std::free(program.ops);
  std::free(program.constants);
  std::free(program.texts);
  std::free(program.memory);
}

}  // namespace millrace
