// Scan setup: what a scanner is made of before its first call.
#pragma once

#include <node_api.h>

#include "scan-types.h"

namespace millrace {

/** Vectors may be read past the end of a name. */
constexpr size_t NAME_SLACK = 64;

/** scanCreate(keyTokens, hashTokens, flags, depthMax, recordBytesMax, keyCharsMax, lanes, starts, instructions, program, text, rows, used, times) */
napi_value scanCreate(napi_env env, napi_callback_info info);

/** The thread's scratch. @returns Null without memory. */
ScanState* openScratch();

/** @returns What the called function has to return then. */
napi_value throwNoMemory(napi_env env);

}  // namespace millrace
