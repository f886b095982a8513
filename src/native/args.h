// Args: reading what JavaScript passed, and refusing what does not fit. A length in TypeScript is never taken on trust: a call that would
// read or write outside of an array ends in a RangeError, before it has written there.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace millrace {

/** The bytes of a typed array; over a SharedArrayBuffer too, without a copy. `length` counts elements. */
template <typename Element>
struct View {
  Element* data = nullptr;
  size_t length = 0;
};

template <typename Element>
constexpr napi_typedarray_type typedArrayOf() {
  if (std::is_same_v<Element, uint8_t>) return napi_uint8_array;
  if (std::is_same_v<Element, uint32_t>) return napi_uint32_array;
  if (std::is_same_v<Element, int32_t>) return napi_int32_array;
  if (std::is_same_v<Element, uint64_t>) return napi_biguint64_array;
  static_assert(std::is_same_v<Element, uint8_t> || std::is_same_v<Element, uint32_t> || std::is_same_v<Element, int32_t> ||
                std::is_same_v<Element, uint64_t> || std::is_same_v<Element, double>);
  return napi_float64_array;
}

/** Empty where the value is no such array. */
template <typename Element>
inline View<Element> viewOf(napi_env env, napi_value value) {
  View<Element> view;
  void* data = nullptr;
  napi_typedarray_type type = napi_int8_array;
  if (napi_get_typedarray_info(env, value, &type, &view.length, &data, nullptr, nullptr) != napi_ok) return {};
  if (type != typedArrayOf<Element>()) return {};
  view.data = static_cast<Element*>(data);
  return view;
}

/** Throws for a wrong size: a fault of ours, not of the data. @returns What the called function has to return then. */
inline napi_value refuse(napi_env env, const char* why) {
  napi_throw_range_error(env, "MILLRACE_ADDON", why);
  return nullptr;
}

inline uint32_t u32Of(napi_env env, napi_value value) {
  uint32_t number = 0;
  napi_get_value_uint32(env, value, &number);
  return number;
}

/** A count or a position. @returns More than any array has where it is not one. */
inline uint64_t countOf(napi_env env, napi_value value) {
  double number = -1;
  napi_get_value_double(env, value, &number);
  return number >= 0 && number <= 9007199254740991.0 ? uint64_t(number) : UINT64_MAX;
}

inline napi_value numberOf(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

inline bool isNull(napi_env env, napi_value value) {
  napi_valuetype type = napi_null;
  napi_typeof(env, value, &type);
  return type == napi_null || type == napi_undefined;
}

/** Names of kernels, in their order. */
template <typename Kernel>
inline napi_value kernelNames(napi_env env, const Kernel* const* kernels, uint32_t count) {
  napi_value list;
  napi_create_array_with_length(env, count, &list);
  for (uint32_t i = 0; i < count; i++) {
    napi_value name;
    napi_create_string_utf8(env, kernels[i]->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, i, name);
  }
  return list;
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
