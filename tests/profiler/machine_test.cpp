#include "kernels/profiler/machine.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "kernels/cpu/blas.h"

namespace stepcast {
namespace {

TEST(Machine, DenormalsCountAsZeroInTheThreadThatMeasures) {
#if defined(__SSE__)
  volatile float smallest = std::numeric_limits<float>::min();
  const auto half = [&] { return smallest * 0.5F; };
  float flushed = 1;
  std::thread([&] {
    prepare_cpu();
    flushed = half();
  }).join();
  EXPECT_EQ(flushed, 0.0F);
  EXPECT_GT(half(), 0.0F);
#else
  GTEST_SKIP() << "no way to tell on this machine";
#endif
}

TEST(Machine, SaysWhatItIs) {
  EXPECT_NE(machine_name(), "");
  EXPECT_NE(cpu::blas_version().find("OpenBLAS"), std::string::npos) << cpu::blas_version();
}

}  // namespace
}  // namespace stepcast
