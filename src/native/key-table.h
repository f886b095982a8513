// Key table: numbers the distinct keys of one aggregate in the order of their first use. Forgetting all of them takes no time.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace millrace {

inline uint64_t mix(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

inline uint64_t hashBytes(const uint8_t* bytes, uint32_t length) {
  uint64_t hash = length * 0x9e3779b97f4a7c15ull;
  uint64_t word = 0;
  for (; length >= 8; length -= 8, bytes += 8) {
    std::memcpy(&word, bytes, 8);
    hash = mix(hash ^ word, 0xe7037ed1a0b428dbull);
  }
  // The compiler turns a copy of variable length into a call; keys are short, so this matters.
  word = 0;
  if (length & 4) {
    uint32_t part;
    std::memcpy(&part, bytes, 4);
    word = part;
    bytes += 4;
  }
  for (uint32_t i = 0; i < (length & 3); i++) word = (word << 8) | bytes[i];
  return mix(hash ^ word, 0x8ebc6af09c88c6e3ull);
}

struct KeyRef {
  const uint8_t* bytes;
  uint32_t length;
};

class KeyTable {
 public:
  ~KeyTable() {
    std::free(slots);
    std::free(keys);
  }
  /** Forgets all keys. @returns False when memory is short. */
  bool clear() {
    count = 0;
    if (capacity == 0 && !grow()) return false;
    if (++generation == 0) {
      std::memset(slots, 0, size_t(capacity) * 2 * sizeof(Slot));
      generation = 1;
    }
    return true;
  }
  uint32_t size() const { return count; }
  const KeyRef& at(uint32_t index) const { return keys[index]; }

  /** @returns The number of an equal key, or size() after remembering where it would go: `add` it then. */
  uint32_t find(const uint8_t* bytes, uint32_t length) {
    const uint64_t hash = hashBytes(bytes, length);
    tag = uint32_t(hash >> 32);
    const uint32_t mask = capacity * 2 - 1;
    for (place = uint32_t(hash) & mask; slots[place].generation == generation; place = (place + 1) & mask) {
      if (slots[place].tag != tag) continue;
      const KeyRef& key = keys[slots[place].index];
      if (key.length == length && std::memcmp(key.bytes, bytes, length) == 0) return slots[place].index;
    }
    return count;
  }
  /** Adds the key that `find` has just not found. The bytes must live as long as the table's use. @returns False when memory is short. */
  bool add(const uint8_t* bytes, uint32_t length) {
    slots[place] = {generation, tag, count};
    keys[count++] = {bytes, length};
    return count < capacity || grow();
  }
 private:
  struct Slot {
    uint32_t generation;
    uint32_t tag;
    uint32_t index;
  };
  bool grow() {
    const uint32_t capacityNew = capacity == 0 ? 4096 : capacity * 2;
    Slot* slotsNew = static_cast<Slot*>(std::calloc(size_t(capacityNew) * 2, sizeof(Slot)));
    KeyRef* keysNew = static_cast<KeyRef*>(std::realloc(keys, size_t(capacityNew) * sizeof(KeyRef)));
    if (keysNew != nullptr) keys = keysNew;
    if (slotsNew == nullptr || keysNew == nullptr) {
      std::free(slotsNew);
      return false;
    }
    std::free(slots);
    slots = slotsNew;
    capacity = capacityNew;
    generation = 1;
    const uint32_t mask = capacity * 2 - 1;
    for (uint32_t index = 0; index < count; index++) {
      const uint64_t hash = hashBytes(keys[index].bytes, keys[index].length);
      uint32_t at = uint32_t(hash) & mask;
      while (slots[at].generation == generation) at = (at + 1) & mask;
      slots[at] = {generation, uint32_t(hash >> 32), index};
    }
    return true;
  }
  Slot* slots = nullptr;
  KeyRef* keys = nullptr;
  uint32_t capacity = 0;
  uint32_t count = 0;
  uint32_t generation = 0;
  uint32_t place = 0;
  uint32_t tag = 0;
};

}  // namespace millrace
