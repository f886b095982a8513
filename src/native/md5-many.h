// MD5 of several long messages at once. One MD5 is a chain of dependent steps that leaves most of a core idle; eight messages
// side by side in vector registers are about six times as fast, and two such vectors take little longer than one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

struct Md5Job {
  const uint8_t* message;
  size_t bytes;
  /** Receives 16 bytes. */
  uint8_t* digest;
};

/** Computes the MD5 of every job. Any count, any lengths. */
void md5Many(const Md5Job* jobs, size_t count);

/** The same in one way of those that this processor has, for tests and benches. @returns Its name; null: there are fewer. */
const char* md5ManyBy(size_t kernel, const Md5Job* jobs, size_t count);

}  // namespace millrace
