// Args: reading what JavaScript passed. TypeScript has checked the types already, so these helpers do not: a wrong argument
// gives an empty view, never a crash of the process.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace millrace {

/** The bytes of a typed array; over a SharedArrayBuffer too, without a copy. `length` counts elements. */
template <typename Element>
struct View {
  Element* data = nullptr;
  size_t length = 0;
};

template <typename Element>
inline View<Element> viewOf(napi_env env, napi_value value) {
  View<Element> view;
  void* data = nullptr;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, &view.length, &data, nullptr, nullptr) != napi_ok) return {};
  view.data = static_cast<Element*>(data);
  return view;
}

inline uint32_t u32Of(napi_env env, napi_value value) {
  uint32_t number = 0;
  napi_get_value_uint32(env, value, &number);
  return number;
}

inline napi_value numberOf(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

/** The arguments of one call. */
template <size_t COUNT>
struct Args {
  napi_value values[COUNT];
  Args(napi_env env, napi_callback_info info) {
    size_t count = COUNT;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  napi_value operator[](size_t index) const { return values[index]; }
};

}  // namespace millrace
