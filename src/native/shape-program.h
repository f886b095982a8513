// Shape program: what `--where`, the edits and `--sample` ask of a line, as src/shape/prefix/program.ts has written it down: a tree of the
// places that they name, a tree of conditions, and texts. Read once for each scanner; nothing in it changes afterwards.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sha256.h"

namespace millrace {

/** Places of one program: one bit each in a word. The twin of NODES_MAX in src/shape/prefix/program.ts. */
constexpr uint32_t SHAPE_NODES_MAX = 64;
/** First bytes of names by which most other names are told apart; with more of them every name is compared. */
constexpr uint32_t SHAPE_STARTS_MAX = 8;
constexpr uint32_t SHAPE_NONE = 0xffffffff;
/** Integers of so many digits are exact as doubles. */
constexpr uint32_t CONSTANT_DIGITS_MAX = 15;

/** Values of a condition on a line. The twin of VERDICTS in src/shape/prefix/where.ts, and one more: only JavaScript can say. */
enum Verdict : uint32_t { VERDICT_MATCH, VERDICT_NO_MATCH, VERDICT_MISSING, VERDICT_ERROR, VERDICT_UNKNOWN };

/** The twins of these stand in src/shape/prefix/program.ts, in the same order. */
enum ShapeOpKind : uint32_t {
  OP_AND, OP_OR, OP_NOT, OP_CONSTANT, OP_TRUTH, OP_HAS, OP_COMPARE, OP_IN, OP_STARTS_WITH, OP_ENDS_WITH, OP_CONTAINS, OP_SIZE, OP_TIME,
  OP_OPAQUE,
};
enum Relation : uint32_t { REL_EQ, REL_NE, REL_LT, REL_LE, REL_GT, REL_GE };
enum ConstantKind : uint32_t { CONST_NULL, CONST_FALSE, CONST_TRUE, CONST_INT, CONST_DOUBLE, CONST_TEXT };
enum KeyEdit : uint32_t { KEY_EDIT_NONE, KEY_EDIT_ANY, KEY_EDIT_HASH };
enum OnError : uint32_t { ERROR_REJECT, ERROR_DROP, ERROR_KEEP };

struct ShapeText {
  const uint8_t* bytes;
  uint32_t length;
};

struct ShapeNode {
  ShapeText name;
  /** The byte behind its opening quote. */
  uint8_t start;
  uint32_t parent;
  bool isIndex;
  uint32_t index;
  /** Its places, the deepest last: itself and all below it, as bits. */
  uint64_t subtree;
  /** In `children` of the program. */
  uint32_t firstChild;
  uint32_t childCount;
  bool hasIndexChild;
  bool isDropped;
  bool isHashed;
  /** Texts: of the new value, of the member that is added where there is none, of the new name. */
  uint32_t setText;
  uint32_t addText;
  uint32_t nameText;
  /** Something is done to it, or to a child of it. */
  bool isEdited;
  bool isEditParent;
  /** A child is added where it is missing. */
  bool hasAdds;
};

/** A short name and the quote behind it as one word, for names that are written as they are. */
struct ShapeName {
  uint64_t word;
  /** Of the bytes that count; 0 where the name is too long. */
  uint64_t mask;
};

/** Bytes behind the first one of a value by which most values are told from a constant, in two words. */
constexpr uint32_t QUICK_BYTES = 16;

/** The first bytes of a text and, where they reach so far, the quote behind it. */
struct ShapeStart {
  uint64_t word[2];
  /** Of the bytes that count, and of those that belong to the text. */
  uint64_t mask[2];
  uint64_t textMask[2];
  /** Whether no character of the text needs an escape: then a value that differs in these bytes, and not by a backslash, is another one. */
  bool isPlain;
  /** Whether these bytes are all of the text, with and without the quote. */
  bool isWhole;
  bool hasWholeText;
};

struct ShapeConstant {
  ConstantKind kind;
  ShapeText text;
  ShapeStart start;
  int64_t integer;
  double number;
  /** The integer as it is written, where it is not negative and every double of its length is exact; else digitCount is 0. */
  uint8_t digits[CONSTANT_DIGITS_MAX];
  uint32_t digitCount;
  /** Its digits as one number of two words, a byte each: of two such numbers the greater one is greater. */
  uint64_t digitsHigh;
  uint64_t digitsLow;
};

struct ShapeOp {
  ShapeOpKind kind;
  uint32_t node;
  Relation relation;
  /** The same as bits: of less, equal, greater. */
  uint32_t orders;
  uint32_t constant;
  uint32_t constantCount;
  uint32_t left;
  uint32_t right;
};

/** SHA-256 behind one block: what a keyed hash starts from. */
struct HmacKey {
  Sha256State inner;
  Sha256State outer;
};

struct ShapeProgram {
  uint32_t nodeCount;
  /** Behind the last place stands one without children. */
  ShapeNode nodes[SHAPE_NODES_MAX + 1];
  uint32_t children[SHAPE_NODES_MAX];
  /** Of each child, in the same order. */
  ShapeName childNames[SHAPE_NODES_MAX];
  uint32_t opCount;
  ShapeOp* ops;
  uint32_t rootOp;
  ShapeConstant* constants;
  uint32_t constantCount;
  ShapeText* texts;
  uint32_t textCount;
  OnError onError;
  bool hasSample;
  uint32_t sampleBelow;
  /** Place of the partition key, or SHAPE_NONE. */
  uint32_t keyNode;
  /** KEY_EDIT_ANY: edits reach the place of the partition key, so it is looked for in what they have made; KEY_EDIT_HASH: they hash it. */
  KeyEdit keyEdit;
  bool hasEdits;
  HmacKey hashKey;
  /** Whether names can be compared as they stand: none needs an escape. */
  bool isPlain;
  uint32_t startCount;
  uint8_t starts[SHAPE_STARTS_MAX];
  /** Owned: everything that the texts point into. */
  uint8_t* memory;
};

/** @returns False without memory, or where the bytes are not a program. `freeProgram` is due in any case. */
bool readProgram(ShapeProgram& program, const uint8_t* bytes, size_t length);
void freeProgram(ShapeProgram& program);

}  // namespace millrace
