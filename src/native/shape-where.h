// Shape where: decides a condition on the tokens of a line. What it cannot decide as JavaScript would, it leaves to JavaScript.
// What src/shape/prefix/where.ts says about the same line is right by definition.
#pragma once

#include "shape-line.h"
#include "shape-quick.h"

namespace millrace {

using TextScratch = GrowList<uint8_t>;

/** A value against one constant. */
Verdict compareValue(ByteRange value, Relation relation, const ShapeConstant& constant);
/** The value of a text against a text: OP_STARTS_WITH, OP_ENDS_WITH, OP_CONTAINS. */
Verdict testText(ByteRange value, ShapeOpKind kind, ShapeText text, TextScratch& scratch);
/** Characters of a text, as CEL counts them. */
int64_t countCharacters(ByteRange value);
Verdict compareCount(int64_t count, Relation relation, int64_t wanted);
/** A time as text against milliseconds since 1970. */
Verdict compareTime(ByteRange value, Relation relation, int64_t wantedMs);

/** The values of CEL's `&&`: what is not true or false on the left yields to the right. */
inline Verdict bothOf(Verdict left, Verdict right) {
  if (left == VERDICT_NO_MATCH || right == VERDICT_NO_MATCH) return VERDICT_NO_MATCH;
  if (left == VERDICT_UNKNOWN || right == VERDICT_UNKNOWN) return VERDICT_UNKNOWN;
  return right != VERDICT_MATCH ? right : left;
}

inline Verdict eitherOf(Verdict left, Verdict right) {
  if (left == VERDICT_MATCH || right == VERDICT_MATCH) return VERDICT_MATCH;
  if (left == VERDICT_UNKNOWN || right == VERDICT_UNKNOWN) return VERDICT_UNKNOWN;
  return right != VERDICT_NO_MATCH ? right : left;
}

inline Verdict notOf(Verdict verdict) {
  if (verdict == VERDICT_MATCH) return VERDICT_NO_MATCH;
  return verdict == VERDICT_NO_MATCH ? VERDICT_MATCH : verdict;
}

/** One condition on one line. */
template <typename Position>
struct Condition {
  const ShapeProgram& program;
  const LineTokens<Position>& line;
  const ShapeFinds& finds;
  TextScratch& scratch;

  Verdict evaluate(uint32_t index) const {
    const ShapeOp& op = program.ops[index];
    switch (op.kind) {
      case OP_AND: return chain<OP_AND, VERDICT_MATCH, VERDICT_NO_MATCH>(op, bothOf);
      case OP_OR: return chain<OP_OR, VERDICT_NO_MATCH, VERDICT_MATCH>(op, eitherOf);
      case OP_NOT: return notOf(evaluate(op.left));
      case OP_CONSTANT: return verdictOf(op.constant != 0);
      case OP_OPAQUE: return VERDICT_UNKNOWN;
      default: return look(op);
    }
  }

 private:
  /** A part of a chain: nearly all of them are looks at one value. */
  Verdict part(uint32_t index) const {
    const ShapeOp& op = program.ops[index];
    return op.kind >= OP_TRUTH && op.kind < OP_OPAQUE ? look(op) : evaluate(index);
  }

  /** @param NEUTRAL Leaves it to the rest of the chain. @param END Decides, whatever comes behind it. */
  template <ShapeOpKind KIND, Verdict NEUTRAL, Verdict END, typename Join>
  Verdict chain(const ShapeOp& first, Join join) const {
    const ShapeOp* op = &first;
    Verdict verdict = part(op->left);
    while (verdict != END) {
      const ShapeOp* next = &program.ops[op->right];
      const bool isLast = next->kind != KIND;
      const Verdict another = part(isLast ? op->right : next->left);
      verdict = verdict == NEUTRAL ? another : join(verdict, another);
      if (isLast) break;
      op = next;
    }
    return verdict;
  }

  Verdict look(const ShapeOp& op) const {
    if (op.kind == OP_HAS) return presence(op.node);
    if (!finds.has(op.node)) return VERDICT_MISSING;
    const uint32_t token = finds.valueAt[op.node];
    const uint8_t* at = line.start(token);
    if (line.readableEnd - at > ptrdiff_t(QUICK_BYTES)) [[likely]] {
      const Verdict verdict = lookQuickly(at, op, program.constants);
      if (verdict != VERDICT_OPEN) return verdict;
    }
    return lookClosely(op, token);
  }

  Verdict lookClosely(const ShapeOp& op, uint32_t token) const {
    const bool isContainer = line.opens(token);
    if (op.kind == OP_SIZE) return size(op, token);
    // Only the kind of a container is looked at here.
    const ByteRange value = isContainer ? ByteRange{line.start(token), line.start(token) + 1} : line.value(token);
    switch (op.kind) {
      case OP_TRUTH:
        if (*value.start == 't' || *value.start == 'f') return verdictOf(*value.start == 't');
        return VERDICT_ERROR;
      case OP_COMPARE: return compareValue(value, op.relation, program.constants[op.constant]);
      case OP_IN:
        for (uint32_t i = 0; i < op.constantCount; i++) {
          if (compareValue(value, REL_EQ, program.constants[op.constant + i]) == VERDICT_MATCH) return VERDICT_MATCH;
        }
        return VERDICT_NO_MATCH;
      case OP_TIME: return compareTime(value, op.relation, program.constants[op.constant].integer);
      default: return testText(value, op.kind, program.constants[op.constant].text, scratch);
    }
  }

  Verdict presence(uint32_t node) const {
    const uint32_t parent = program.nodes[node].parent;
    if (!finds.has(parent)) return VERDICT_MISSING;
    return verdictOf(finds.has(node));
  }

  Verdict size(const ShapeOp& op, uint32_t token) const {
    const int64_t wanted = program.constants[op.constant].integer;
    const uint8_t kind = line.bytes[token];
    if (kind == '"') return compareCount(countCharacters(line.value(token)), op.relation, wanted);
    if (kind != '[' && kind != '{') return VERDICT_ERROR;
    // What stands between is counted by its commas.
    int64_t count = line.bytes[token + 1] == ']' || line.bytes[token + 1] == '}' ? 0 : 1;
    const uint32_t close = line.behind(token) - 1;
    int32_t depth = 0;
    for (uint32_t at = token + 1; at < close; at++) {
      const uint8_t byte = line.bytes[at];
      if (byte == ',') count += depth == 0;
      else if (byte == '{' || byte == '[') depth++;
      else if (byte == '}' || byte == ']') depth--;
    }
    // Equal names are one member: JavaScript knows which are.
    if (kind == '{' && count > 1) return VERDICT_UNKNOWN;
    return compareCount(count, op.relation, wanted);
  }
};

}  // namespace millrace
