#include "kernels/gpu_profiler/profiler_module.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace stepcast {
namespace {

std::string refusal(const GpuPresence& presence, int number = 0) {
  try {
    require_gpu(presence, number);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    return error.what();
  }
}

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

TEST(RequireGpu, TakesAGpuThatIsThere) {
  EXPECT_EQ(refusal({.driver = 13000, .runtime = 13000, .gpus = 2}, 1), "");
  EXPECT_EQ(refusal({.driver = 13020, .runtime = 13000, .gpus = 1}), "");
  // An older driver of the same major version serves a newer runtime.
  EXPECT_EQ(refusal({.driver = 13000, .runtime = 13020, .gpus = 1}), "");
}

TEST(RequireGpu, TellsNoDriverFromOneThatIsTooOld) {
  const std::string words = "CUDA driver version is insufficient for CUDA runtime version";
  const std::string none = refusal({.driver = 0, .runtime = 13000, .error = words});
  EXPECT_TRUE(has(none, "no NVIDIA driver is installed")) << none;
  EXPECT_TRUE(has(none, "CUDA 13.0")) << none;
  EXPECT_TRUE(has(none, "--device cpu")) << none;
  const std::string old = refusal({.driver = 12040, .runtime = 13000, .error = words});
  EXPECT_TRUE(has(old, "too old: it serves CUDA 12.4, and stepcast was built with CUDA 13.0"))
      << old;
}

TEST(RequireGpu, SaysThatThereIsNoGpuInCudasWords) {
  const std::string why =
      refusal({.driver = 13000, .runtime = 13000, .error = "no CUDA-capable device is detected"});
  EXPECT_TRUE(has(why, "no CUDA-capable device is detected")) << why;
  EXPECT_TRUE(has(why, "CUDA_VISIBLE_DEVICES")) << why;
}

TEST(RequireGpu, CountsGpus) {
  EXPECT_TRUE(has(refusal({.driver = 13000, .runtime = 13000, .gpus = 2}, 2),
                  "--gpu 2: there are 2 GPUs here, numbered from 0"));
}

}  // namespace
}  // namespace stepcast
