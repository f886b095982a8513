// Cut values: the door to JavaScript of what finds values that stand side by side (cut-window.h). The twin of src/scan/values-native.ts.
#include "addon.h"
#include "args.h"
#include "scan-types.h"

namespace millrace {
namespace {

/** cutValues(bytes, start, end, objectOffset, isLast, state, lines, rows, kinds, sums, instructions) */
napi_value cutValues(napi_env env, napi_callback_info info) {
  const Args<11> args(env, info);
  const View<uint8_t> bytes = viewOf<uint8_t>(env, args[0]);
  const View<uint8_t> lines = viewOf<uint8_t>(env, args[6]);
  const View<double> rows = viewOf<double>(env, args[7]);
  const View<uint8_t> kinds = viewOf<uint8_t>(env, args[8]);
  const View<double> sums = viewOf<double>(env, args[9]);
  CutCall call = {};
  call.bytes = bytes.data;
  call.start = countOf(env, args[1]);
  call.end = countOf(env, args[2]);
  call.objectOffset = countOf(env, args[3]);
  napi_get_value_bool(env, args[4], &call.isLast);
  call.state = u32Of(env, args[5]);
  call.lines = lines.data;
  call.linesBytes = lines.length;
  call.rows = rows.data;
  call.kinds = kinds.data;
  if (call.end > bytes.length || call.start > call.end) return refuse(env, "Cannot cut values: the bytes lie outside their buffer");
  if (sums.length < CUT_SUM_CELLS) return refuse(env, "Cannot cut values: the sums have no room");
  if (kinds.length > UINT32_MAX || rows.length / OUTPUT_COLUMNS < kinds.length)
    return refuse(env, "Cannot cut values: the rows have no room");
  if (call.state > CUT_BEHIND_COMMA) return refuse(env, "Cannot cut values: there is no such state");
  call.rowsMax = uint32_t(kinds.length);
  const ScanKernels* kernels[KERNELS_MAX];
  const uint32_t kernelCount = listKernels(kernels);
  int32_t wanted = -1;
  napi_get_value_int32(env, args[10], &wanted);
  kernels[wanted >= 0 && uint32_t(wanted) < kernelCount ? uint32_t(wanted) : kernelCount - 1]->cutValues(call);
  sums.data[CUT_SUM_COUNT] = call.count;
  sums.data[CUT_SUM_NEXT] = double(call.next);
  sums.data[CUT_SUM_STOP] = call.stop;
  sums.data[CUT_SUM_STATE] = call.state;
  sums.data[CUT_SUM_USED] = double(call.linesUsed);
  return nullptr;
}

}  // namespace

void registerCutValues(napi_env env, napi_value exports) { exportFunction(env, exports, "cutValues", cutValues); }

}  // namespace millrace
