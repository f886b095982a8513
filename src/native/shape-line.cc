// Shape line: see shape-line.h.
#include "shape-line.h"

namespace millrace {
namespace {

struct Walk {
  const ShapeProgram& program;
  const LineTokens<uint32_t>& line;
  ShapeFinds& finds;

  bool isNamed(uint32_t token, const ShapeNode& node) const {
    return isJsonName(line.start(token) + 1, line.scalarEnd(token) - 1, node.name.bytes, node.name.length);
  }

  /** Looks into the value of a place. Recursion is as deep as the program's tree. @returns The token behind the value. */
  uint32_t visit(uint32_t index, uint32_t token) {
    const ShapeNode& node = program.nodes[index];
    finds.find(node, index, token);
    if (node.childCount == 0 || !line.opens(token)) return line.behind(token);
    const uint32_t container = node.isEditParent ? finds.openContainer(index, token) : SHAPE_NONE;
    const uint32_t close = line.bytes[token] == '{' ? visitMembers(node, container, token) : visitElements(node, container, token);
    finds.closeContainer(container, close);
    return close + 1;
  }

  uint32_t visitMembers(const ShapeNode& node, uint32_t container, uint32_t token) {
    token++;
    while (line.bytes[token] == '"') {
      const uint32_t name = token;
      token += 2;
      uint32_t next = SHAPE_NONE;
      for (uint32_t i = 0; i < node.childCount && next == SHAPE_NONE; i++) {
        const uint32_t child = program.children[node.firstChild + i];
        if (isNamed(name, program.nodes[child])) next = visitChild(child, container, name, token);
      }
      token = next != SHAPE_NONE ? next : line.behind(token);
      if (line.bytes[token] == ',') token++;
    }
    return token;
  }

  uint32_t visitElements(const ShapeNode& node, uint32_t container, uint32_t token) {
    token++;
    for (uint32_t position = 0; line.bytes[token] != ']'; position++) {
      uint32_t next = SHAPE_NONE;
      for (uint32_t i = 0; node.hasIndexChild && i < node.childCount && next == SHAPE_NONE; i++) {
        const uint32_t child = program.children[node.firstChild + i];
        const ShapeNode& wanted = program.nodes[child];
        if (wanted.isIndex && wanted.index == position) next = visitChild(child, container, SHAPE_NONE, token);
      }
      token = next != SHAPE_NONE ? next : line.behind(token);
      if (line.bytes[token] == ',') token++;
    }
    return token;
  }

  uint32_t visitChild(uint32_t child, uint32_t container, uint32_t nameToken, uint32_t valueToken) {
    if (program.nodes[child].isEdited) finds.hit(child, container, nameToken, valueToken);
    return visit(child, valueToken);
  }
};

/** @param at After the opening quote. @returns After the closing one. */
const uint8_t* skipText(const uint8_t* at, const uint8_t* end) {
  while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
  return at + 1;
}

bool isStructural(uint8_t byte) {
  return byte == '{' || byte == '}' || byte == '[' || byte == ']' || byte == ':' || byte == ',';
}

}  // namespace

bool tokenize(OwnTokens& tokens, const uint8_t* data, const uint8_t* dataEnd) {
  tokens.bytes.count = 0;
  tokens.at.count = 0;
  for (const uint8_t* at = data; at < dataEnd;) {
    const uint8_t byte = *at;
    if (isJsonSpace(byte)) {
      at++;
      continue;
    }
    if (!tokens.bytes.add(byte) || !tokens.at.add(uint32_t(at - data))) return false;
    if (byte == '"') {
      at = skipText(at + 1, dataEnd);
    } else if (isStructural(byte)) {
      at++;
    } else {
      while (at < dataEnd && !isJsonSpace(*at) && !isStructural(*at)) at++;
    }
  }
  return tokens.bytes.add('\n') && tokens.at.add(uint32_t(dataEnd - data));
}

void findPlaces(const ShapeProgram& program, const LineTokens<uint32_t>& line, ShapeFinds& finds) {
  finds.begin();
  Walk walk = {program, line, finds};
  walk.visit(0, line.first);
}

}  // namespace millrace
