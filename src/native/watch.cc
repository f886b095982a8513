// Watch: runs JavaScript that may never come back, and stops it from a thread that stands beside it. src/scan/watch.ts is the only caller.
// That thread lives as long as its watch and sleeps until work may be due, so that to begin and to end a piece of work costs two locks:
// node:vm starts a thread and joins it for each. V8's own functions stop JavaScript, because Node-API has none, and libuv's start threads, because
// the platform's have other versions of their names in each glibc. Node exports both; in a process that does not, there is no watch.
#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <new>

#include "addon.h"
#include "args.h"

#define FROM_NODE __attribute__((weak, visibility("default")))

// As v8-isolate.h declares them, members of v8::Isolate, by the names that compilers give them.
#define TEXT_OF_TEXT(text) #text
#define TEXT_OF(name) TEXT_OF_TEXT(name)
#define MEMBER_OF_ISOLATE(name) __asm__(TEXT_OF(__USER_LABEL_PREFIX__) "_ZN2v87Isolate" name "Ev")
extern "C" {
FROM_NODE void* currentIsolate() MEMBER_OF_ISOLATE("10GetCurrent");
/** From any thread. What runs ends at its next call or turn of a loop, and no JavaScript catches that. */
FROM_NODE void terminateExecution(void* isolate) MEMBER_OF_ISOLATE("18TerminateExecution");
FROM_NODE void cancelTerminateExecution(void* isolate) MEMBER_OF_ISOLATE("24CancelTerminateExecution");
}

// As uv.h declares them: its types are the platform's where there are pthreads.
extern "C" {
FROM_NODE int uv_thread_create(pthread_t* thread, void (*entry)(void*), void* data);
FROM_NODE int uv_thread_join(pthread_t* thread);
FROM_NODE int uv_mutex_init(pthread_mutex_t* mutex);
FROM_NODE void uv_mutex_destroy(pthread_mutex_t* mutex);
FROM_NODE void uv_mutex_lock(pthread_mutex_t* mutex);
FROM_NODE void uv_mutex_unlock(pthread_mutex_t* mutex);
FROM_NODE int uv_cond_init(pthread_cond_t* condition);
FROM_NODE void uv_cond_destroy(pthread_cond_t* condition);
FROM_NODE void uv_cond_signal(pthread_cond_t* condition);
FROM_NODE void uv_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex);
FROM_NODE int uv_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, uint64_t timeoutNs);
FROM_NODE uint64_t uv_hrtime();
}

namespace millrace {
namespace {

constexpr uint64_t NEVER = UINT64_MAX;
/** What was struck and is still there is struck again: a watch within this one may have taken that for its own. */
constexpr uint64_t AGAIN_NS = 20'000'000;

class Watch {
 public:
  /** @returns false where there can be no thread: then it holds nothing. */
  bool open() {
    if (uv_mutex_init(&lock_) != 0) return false;
    if (uv_cond_init(&bell_) == 0) {
      if (uv_thread_create(&thread_, [](void* watch) { static_cast<Watch*>(watch)->look(); }, this) == 0) return true;
      uv_cond_destroy(&bell_);
    }
    uv_mutex_destroy(&lock_);
    return false;
  }

  void close() {
    uv_mutex_lock(&lock_);
    isClosing_ = true;
    uv_cond_signal(&bell_);
    uv_mutex_unlock(&lock_);
    uv_thread_join(&thread_);
    uv_cond_destroy(&bell_);
    uv_mutex_destroy(&lock_);
  }

  bool isInUse() const { return dueNs_ != NEVER; }

  void begin(uint64_t timeoutNs) {
    uv_mutex_lock(&lock_);
    dueNs_ = uv_hrtime() + timeoutNs;
    isStruck_ = false;
    if (dueNs_ < wakesNs_) uv_cond_signal(&bell_);
    uv_mutex_unlock(&lock_);
  }

  /** Nothing is struck from here on. @returns Whether it was. */
  bool end() {
    uv_mutex_lock(&lock_);
    dueNs_ = NEVER;
    const bool isStruck = isStruck_;
    uv_mutex_unlock(&lock_);
    // The work may have come to its end before it saw that.
    if (isStruck) cancelTerminateExecution(isolate_);
    return isStruck;
  }

 private:
  /** The thread beside it. It wakes when work may be due that has ended long ago, and finds other work, which is due later. */
  void look() {
    uv_mutex_lock(&lock_);
    while (!isClosing_) {
      wakesNs_ = dueNs_;
      const uint64_t now = uv_hrtime();
      if (dueNs_ == NEVER) {
        uv_cond_wait(&bell_, &lock_);
      } else if (now < dueNs_) {
        uv_cond_timedwait(&bell_, &lock_, dueNs_ - now);
      } else {
        isStruck_ = true;
        dueNs_ = now + AGAIN_NS;
        // Under the lock: who is watched cannot have left.
        terminateExecution(isolate_);
      }
    }
    uv_mutex_unlock(&lock_);
  }

  void* const isolate_ = currentIsolate();
  pthread_t thread_;
  pthread_mutex_t lock_;
  pthread_cond_t bell_;
  uint64_t dueNs_ = NEVER;
  /** When the thread looks again by itself. */
  uint64_t wakesNs_ = NEVER;
  bool isStruck_ = false;
  bool isClosing_ = false;
};

bool isExported() {
  return currentIsolate != nullptr && terminateExecution != nullptr && cancelTerminateExecution != nullptr &&
         uv_thread_create != nullptr && uv_thread_join != nullptr &&
         uv_mutex_init != nullptr && uv_mutex_destroy != nullptr && uv_mutex_lock != nullptr && uv_mutex_unlock != nullptr &&
         uv_cond_init != nullptr && uv_cond_destroy != nullptr && uv_cond_signal != nullptr && uv_cond_wait != nullptr &&
         uv_cond_timedwait != nullptr && uv_hrtime != nullptr;
}

void closeWatch(napi_env, void* data, void*) {
  auto* watch = static_cast<Watch*>(data);
  watch->close();
  delete watch;
}

/** openWatch(): of the thread that calls; undefined where there can be none. */
napi_value openWatch(napi_env env, napi_callback_info) {
  if (!isExported()) return nullptr;
  auto* watch = new (std::nothrow) Watch();
  if (watch == nullptr) return nullptr;
  if (!watch->open()) {
    delete watch;
    return nullptr;
  }
  napi_value handle = nullptr;
  if (napi_create_external(env, watch, closeWatch, nullptr, &handle) != napi_ok) closeWatch(env, watch, nullptr);
  return handle;
}

bool isThrown(napi_env env) {
  bool isThrown = false;
  napi_is_exception_pending(env, &isThrown);
  return isThrown;
}

/** Whether this thread still runs JavaScript: it asks a function for its length. */
bool mayRun(napi_env env, napi_value function) {
  napi_value length;
  return napi_get_named_property(env, function, "length", &length) == napi_ok;
}

/** runWatched(watch, work, timeoutMs): whether the function came to its end. What it throws is thrown on. */
napi_value runWatched(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  void* data = nullptr;
  napi_get_value_external(env, args[0], &data);
  auto* watch = static_cast<Watch*>(data);
  if (watch == nullptr || watch->isInUse()) return refuse(env, "Cannot watch: this is no watch, or it is in use");
  napi_value nothing;
  napi_get_undefined(env, &nothing);
  watch->begin(std::min<uint64_t>(countOf(env, args[2]), UINT32_MAX) * 1'000'000);
  napi_value result;
  const bool isDone = napi_call_function(env, nothing, args[1], 0, nullptr, &result) == napi_ok;
  const bool isStruck = watch->end();
  if (isStruck) napi_get_and_clear_last_exception(env, &result);
  if (!isStruck && !isDone && isThrown(env)) return nullptr;
  // The thread itself may be ended, too: by the main thread, or because it has no memory. Taking our strike back took that back as well.
  if (!mayRun(env, args[1])) {
    terminateExecution(currentIsolate());
    return nullptr;
  }
  napi_get_boolean(env, isDone, &result);
  return result;
}

}  // namespace

void registerWatch(napi_env env, napi_value exports) {
  exportFunction(env, exports, "openWatch", openWatch);
  exportFunction(env, exports, "runWatched", runWatched);
}

}  // namespace millrace
