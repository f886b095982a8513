// Target region: code for instructions that not every machine has. What is in one has internal linkage, so that nothing of it can leak into
// code that runs elsewhere; whoever calls it has asked the processor first.
#pragma once

#define MILLRACE_PRAGMA(words) _Pragma(#words)

/** @param instructions Names as a text, with commas between them. */
#if defined(__clang__)
#define MILLRACE_TARGET_BEGIN(instructions) \
  MILLRACE_PRAGMA(clang attribute push(__attribute__((target(instructions))), apply_to = function))
#define MILLRACE_TARGET_END _Pragma("clang attribute pop")
#else
#define MILLRACE_TARGET_BEGIN(instructions) _Pragma("GCC push_options") MILLRACE_PRAGMA(GCC target(instructions))
#define MILLRACE_TARGET_END _Pragma("GCC pop_options")
#endif
