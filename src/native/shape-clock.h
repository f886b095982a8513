// Shape clock: how long the scanner's own stages take, measured in a few windows of all.
// In the others it costs a look at one flag for each stage and line. What is measured is scaled by whoever reads it: cells hold how many
// lines were timed in a stage, and their nanoseconds.
#pragma once

#include <time.h>

#include <cstdint>

#include "constants.h"

namespace millrace {

/** A counter that moves evenly and is read in a few nanoseconds; how fast it is, nobody says. */
inline uint64_t readTicks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1'000'000'000u + uint64_t(now.tv_nsec);
#endif
}

inline double nanosecondsOf(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return double(now.tv_sec) * 1e9 + double(now.tv_nsec);
}

struct StageClock {
  /** STAGE_TIME_CELLS, or null: nobody asks. */
  double* times;
  bool isRunning;
  /** Of the window at hand. */
  double wallNs, cpuNs;
  uint64_t ticks;
  /** What reading the counter twice takes by itself. */
  uint64_t emptyTicks;
  uint64_t stageTicks[STAGE_TIME_CELLS];

  /** One window in eight of the first, and one in 64 of all that follow. @param count Windows before this one. */
  void beginWindow(uint32_t count) {
    constexpr uint32_t FIRST = 64;
    if (times == nullptr || count % (count < FIRST ? 8 : 64) != 0) [[likely]] return;
    isRunning = true;
    emptyTicks = ~uint64_t(0);
    for (int i = 0; i < 4; i++) {
      const uint64_t start = readTicks();
      const uint64_t empty = readTicks() - start;
      if (empty < emptyTicks) emptyTicks = empty;
    }
    for (uint64_t& sum : stageTicks) sum = 0;
    cpuNs = nanosecondsOf(CLOCK_THREAD_CPUTIME_ID);
    wallNs = nanosecondsOf(CLOCK_MONOTONIC);
    ticks = readTicks();
  }

  void endWindow() {
    if (!isRunning) [[likely]] return;
    isRunning = false;
    const uint64_t allTicks = readTicks() - ticks;
    const double allNs = nanosecondsOf(CLOCK_MONOTONIC) - wallNs;
    const double ownNs = nanosecondsOf(CLOCK_THREAD_CPUTIME_ID) - cpuNs;
    // The thread stood still in between, and nobody knows in which stage.
    if (allTicks == 0 || ownNs < allNs * 0.8) return;
    for (uint32_t cell = 0; cell < STAGE_TIME_CELLS; cell += 2) {
      const uint64_t empty = stageTicks[cell] * emptyTicks;
      const uint64_t spent = stageTicks[cell + 1] > empty ? stageTicks[cell + 1] - empty : 0;
      times[cell] += double(stageTicks[cell]);
      times[cell + 1] += double(spent) * allNs / double(allTicks);
    }
  }

  /** A line has passed a stage. It is running. @param stage STAGE_TIME_. */
  void stop(uint32_t stage, uint64_t startTicks) {
    stageTicks[stage]++;
    add(stage, startTicks);
  }

  /** More work of a stage, for lines that have passed it. */
  void add(uint32_t stage, uint64_t startTicks) {
    stageTicks[stage + 1] += readTicks() - startTicks;
  }
};

}  // namespace millrace
