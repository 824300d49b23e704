#include "sim/model/optimizers.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "sim/compute/operands.h"

namespace stepcast {
namespace {

TEST(Optimizers, StateIsThatOfThePapers) {
  // Rajbhandari et al. 2020, section 3.1: K = 12 bytes for Adam in mixed precision.
  EXPECT_EQ(find_optimizer("adam").state_bytes_per_parameter(true), 12);
  EXPECT_EQ(find_optimizer("adam").state_bytes_per_parameter(false), 8);
  EXPECT_EQ(find_optimizer("sgd").state_bytes_per_parameter(true), 8);
  EXPECT_EQ(find_optimizer("sgd").state_bytes_per_parameter(false), 4);
}

/// Weight, gradient, moments, fp32 copy.
TEST(Optimizers, KernelsTakeAsManyMomentsAsTheTableSays) {
  for (const Optimizer& row : optimizer_table()) {
    const Signature& signature = signature_of(row.update);
    EXPECT_EQ(info(row.update).pass, KernelPass::kUpdate) << row.name;
    ASSERT_TRUE(signature.repeats()) << row.name;
    EXPECT_EQ(signature.slots.size() - signature.repeated_from,
              static_cast<std::size_t>(3 + row.moments))
        << row.name;
    // Moments are read and written: 8 bytes each beside the gradient's 4 and the weight's 8.
    EXPECT_EQ(info(row.update).work.bytes, 12 + 8 * row.moments) << row.name;
  }
}

TEST(Optimizers, UnknownNamesAreAnsweredWithTheKnownOnes) {
  try {
    find_optimizer("sdg");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"sgd\"?"), std::string::npos);
  }
}

}  // namespace
}  // namespace stepcast
