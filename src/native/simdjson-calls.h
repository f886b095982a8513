// simdjson's calls: the two functions of simdjson that the scanner uses, as simdjson.h declares them. Reading all of that header takes half a second
// for each file. result.cc reads both, so that the compiler holds one against the other.
#pragma once
#include <cstddef>

namespace simdjson {
bool validate_utf8(const char* buf, size_t len) noexcept;
namespace internal {
double from_chars(const char* first, const char* end) noexcept;
}
}
