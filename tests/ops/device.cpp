// Every test of this folder needs a device; the emulation always has one.
#include <gtest/gtest.h>

#include "kernels/cuda/check.h"

namespace stepcast {
namespace {

class DeviceEnvironment : public testing::Environment {
  void SetUp() override {
    if (const std::string why = why_no_device(); !why.empty())
      GTEST_SKIP() << "no CUDA device: " << why;
  }
};

[[maybe_unused]] const auto* const kEnvironment =
    testing::AddGlobalTestEnvironment(new DeviceEnvironment);

}  // namespace
}  // namespace stepcast
