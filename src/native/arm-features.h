// ARM features: what a 64-bit ARM processor may lack, as the system says. The instructions of NEON are never among it.
#pragma once

#if defined(__aarch64__)

#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace millrace {

enum class ArmFeature { sha256, crc32, pmull };

inline bool hasArm([[maybe_unused]] ArmFeature feature) {
#if defined(__linux__)
  const unsigned long bit = feature == ArmFeature::sha256 ? HWCAP_SHA2 : feature == ArmFeature::crc32 ? HWCAP_CRC32 : HWCAP_PMULL;
  return (getauxval(AT_HWCAP) & bit) != 0;
#elif defined(__APPLE__)
  return true;  // all of Apple's have them
#else
  return false;
#endif
}

}  // namespace millrace

#endif
