// The little of the C++ runtime that the addon asks for, so that an addon that is built here loads elsewhere: without libstdc++,
// and with no symbol of a newer glibc, which the static libstdc++ of the building machine would bring (arc4random of 2.36,
// _dl_find_object of 2.35). Linked into standalone builds (build.mjs); all of it stays local to the addon (exports.map).
// Never throws: what would be an exception ends the process with one line, as it does in every build of ours without exceptions.
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <ios>
#include <new>

namespace {
[[noreturn]] void die(const char* what) {
  fprintf(stderr, "millrace: the native addon cannot go on: %s\n", what);
  abort();
}

void* allocate(size_t bytes) {
  void* memory = malloc(bytes != 0 ? bytes : 1);
  if (memory == nullptr) die("out of memory");
  return memory;
}
}  // namespace

namespace std {
const nothrow_t nothrow{};
void __throw_bad_alloc() { die("out of memory"); }
void __throw_bad_array_new_length() { die("out of memory"); }
void __throw_length_error(const char* what) { die(what); }
void __throw_logic_error(const char* what) { die(what); }
// simdjson includes <iostream>, and never uses its streams.
ios_base::Init::Init() {}
ios_base::Init::~Init() {}
}  // namespace std

void* operator new(size_t bytes) { return allocate(bytes); }
void* operator new[](size_t bytes) { return allocate(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return malloc(bytes != 0 ? bytes : 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return malloc(bytes != 0 ? bytes : 1); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }

extern "C" {
int __cxa_thread_atexit_impl(void (*)(void*), void*, void*);  // glibc 2.18
int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* library) noexcept {
  return __cxa_thread_atexit_impl(destroy, object, library);
}
void __cxa_pure_virtual() { die("a pure virtual function was called"); }

// A static inside a function, by the Itanium ABI: the first byte says that it is made, the second is ours: a thread is making it.
// What waits yields: the longest initialisation of ours asks the processor what it can do.
int __cxa_guard_acquire(unsigned char* guard) {
  for (;;) {
    if (__atomic_load_n(guard, __ATOMIC_ACQUIRE) != 0) return 0;
    if (__atomic_exchange_n(guard + 1, 1, __ATOMIC_ACQUIRE) == 0) {
      if (__atomic_load_n(guard, __ATOMIC_ACQUIRE) == 0) return 1;
      __atomic_store_n(guard + 1, 0, __ATOMIC_RELEASE);
      return 0;
    }
    sched_yield();
  }
}
void __cxa_guard_release(unsigned char* guard) {
  __atomic_store_n(guard, 1, __ATOMIC_RELEASE);
  __atomic_store_n(guard + 1, 0, __ATOMIC_RELEASE);
}
}
