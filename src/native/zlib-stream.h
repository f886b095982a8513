// zlib's stream as its users see it. The library itself is the one that Node carries and exports; its header is not among
// those that we build with, and this part of it has not changed since zlib 1.0. Weak: on a Node that does not export it the
// addon is loaded all the same, and JavaScript finds no `openInflate`.
#pragma once

#include <cstdint>

namespace millrace {

struct ZStream {
  const uint8_t* nextIn;
  unsigned availIn;
  unsigned long totalIn;
  uint8_t* nextOut;
  unsigned availOut;
  unsigned long totalOut;
  const char* message;
  void* state;
  void* (*allocate)(void*, unsigned, unsigned);
  void (*release)(void*, void*);
  void* opaque;
  /** Behind `inflate`: the lowest six bits count the bits that were read and not used. */
  int dataType;
  unsigned long adler;
  unsigned long reserved;
};

constexpr int Z_NO_FLUSH = 0;
constexpr int Z_OK = 0;
constexpr int Z_STREAM_END = 1;
constexpr int Z_BUF_ERROR = -5;
/** Of `inflateInit2`: the largest window, and a gzip header. */
constexpr int GZIP_WINDOW_BITS = 15 + 16;

}  // namespace millrace

extern "C" {
__attribute__((weak)) const char* zlibVersion();
__attribute__((weak)) int inflateInit2_(millrace::ZStream*, int windowBits, const char* version, int streamBytes);
__attribute__((weak)) int inflate(millrace::ZStream*, int flush);
__attribute__((weak)) int inflateReset(millrace::ZStream*);
__attribute__((weak)) int inflateEnd(millrace::ZStream*);
}
