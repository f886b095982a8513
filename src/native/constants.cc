// Constants: hands the table of constants.h to JavaScript, for the test that compares it.
#include "constants.h"

#include "addon.h"
#include "args.h"

namespace millrace {
namespace {

/** constants(): every number by its name. */
napi_value constants(napi_env env, napi_callback_info) {
  napi_value table;
  napi_create_object(env, &table);
#define MILLRACE_EXPORT(TYPE, NAME, VALUE) napi_set_named_property(env, table, #NAME, numberOf(env, double(NAME)));
  MILLRACE_CONSTANTS(MILLRACE_EXPORT)
#undef MILLRACE_EXPORT
  return table;
}

}  // namespace

void registerConstants(napi_env env, napi_value exports) { exportFunction(env, exports, "constants", constants); }

}  // namespace millrace
