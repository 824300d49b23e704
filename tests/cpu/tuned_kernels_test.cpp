#include "kernels/cpu/tuned_kernels.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

using cpu::tuned_kernels;

constexpr ConvolutionShape kShape{.images = 2,
                                  .in_channels = 32,
                                  .height = 28,
                                  .width = 28,
                                  .out_channels = 48,
                                  .kernel = 3,
                                  .padding = 1};

std::vector<float> gradient_of_weights() {
  const auto x = random_values(2 * 32 * 28 * 28, 1), dy = random_values(2 * 48 * 28 * 28, 2);
  std::vector<float> dweights = random_values(48 * 32 * 9, 3), workspace(kShape.workspace());
  cpu::convolution_wgrad(kShape, x.data(), dy.data(), dweights.data(), workspace.data());
  return dweights;
}

int threads_of_this_process() {
  int threads = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    ++threads;
  return threads;
}

TEST(TunedKernels, AreThereWhereTheyWereBuilt) {
  if (std::getenv("STEPCAST_ONEDNN_MODULE") != nullptr)
    GTEST_SKIP() << "the environment says which";
#ifdef STEPCAST_HAS_ONEDNN
  ASSERT_NE(tuned_kernels(), nullptr);
  EXPECT_EQ(std::string(tuned_kernels()->name).rfind("oneDNN ", 0), 0u);
#else
  GTEST_SKIP() << "oneDNN was not found when this was built";
#endif
}

TEST(TunedKernels, AThreadMayDoWithout) {
  std::thread([] {
    cpu::allow_tuned_kernels(false);
    EXPECT_EQ(tuned_kernels(), nullptr);
  }).join();
}

// Every thread makes its own kernels, and they add up in one order.
TEST(TunedKernels, RepeatToTheLastBitOnEveryThread) {
  const std::vector<float> first = gradient_of_weights();
  EXPECT_EQ(gradient_of_weights(), first);
  std::vector<float> elsewhere;
  std::thread([&] { elsewhere = gradient_of_weights(); }).join();
  EXPECT_EQ(elsewhere, first);
}

// Ranks have a core each: nothing here may start threads or move this one.
TEST(TunedKernels, UseTheThreadThatCallsThem) {
  cpu_set_t before, after;
  sched_getaffinity(0, sizeof before, &before);
  const int threads = threads_of_this_process();
  gradient_of_weights();
  sched_getaffinity(0, sizeof after, &after);
  EXPECT_LE(threads_of_this_process(), threads);  // those of an earlier test may be on their way
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

// So few pixels do not pay for bringing the weights' gradient back from blocks.
TEST(TunedKernels, LeaveWhatTheyAreNotFasterAt) {
  if (tuned_kernels() == nullptr) GTEST_SKIP() << "no oneDNN";
  ConvolutionShape few = kShape;
  few.height = few.width = 7;
  EXPECT_FALSE(
      tuned_kernels()->convolve(cpu::ConvolutionPass::kWgrad, few, nullptr, nullptr, nullptr));
}

}  // namespace
}  // namespace stepcast
