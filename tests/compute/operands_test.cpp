#include "sim/compute/operands.h"

#include <gtest/gtest.h>

#include <set>

#include "sim/compute/layout.h"

namespace stepcast {
namespace {

TEST(Operands, EveryKernelHasOperandsWithDistinctNamesAndWritesOne) {
  for (const KernelInfo& row : kernel_table()) {
    const Signature& signature = signature_of(row.kind);
    std::set<std::string_view> names;
    bool writes = false;
    for (const OperandSlot& slot : signature.slots) {
      EXPECT_TRUE(names.insert(slot.name).second) << row.name << " " << slot.name;
      writes = writes || slot.access != Access::kRead;
    }
    EXPECT_TRUE(writes) << row.name;
  }
}

TEST(Operands, ExtentsAreDimensionsThatTheKernelHas) {
  for (const KernelInfo& row : kernel_table())
    for (const OperandSlot& slot : signature_of(row.kind).slots)
      for (const Extent extent : {slot.rows, slot.columns})
        if (extent <= Extent::kDim5) {
          EXPECT_FALSE(row.dim_names[static_cast<std::size_t>(extent)].empty())
              << row.name << " " << slot.name;
        }
}

// Adam: the norm once, then five operands for each piece.
TEST(Operands, PiecesRepeat) {
  const Signature& adam = signature_of(KernelKind::kAdam);
  EXPECT_EQ(adam.slot(0).name, "norm");
  EXPECT_EQ(adam.slot(1).name, "weight");
  EXPECT_EQ(adam.slot(6).name, "weight");
  EXPECT_EQ(adam.slot(10).name, "master");
  const Signature& sgd = signature_of(KernelKind::kSgd);
  EXPECT_EQ(sgd.slot(3).name, "momentum");
  EXPECT_EQ(sgd.slot(5).name, "weight");
}

// 2 sequences of 3 tokens, rows of 4 heads of 5 features and then 2 key heads: 30 wide.
TEST(Layout, KeyHeadsSharedByQueryHeads) {
  const Layout keys{.offset = 20,
                    .rows = 3,
                    .columns = 5,
                    .row_stride = 30,
                    .outer = {.count = 2, .stride = 90},
                    .inner = {.count = 4, .stride = 5},
                    .repeat = 2};
  EXPECT_EQ(keys.matrices(), 8);
  EXPECT_EQ(keys.elements(), 2 * 2 * 3 * 5);
  EXPECT_EQ(keys.end(), 20 + 90 + 5 + 60 + 5);  // last sequence, second head, last row, its end
  EXPECT_FALSE(keys.contiguous());
  const Layout::Columns covered = keys.covered();
  EXPECT_EQ(covered.pitch, 30);
  EXPECT_EQ(covered.first, 20);
  EXPECT_EQ(covered.last, 30);
}

TEST(Layout, DenseCoversAllColumns) {
  EXPECT_TRUE(Layout::dense(3, 4).contiguous());
  EXPECT_TRUE(Layout::dense(3, 4, 8).covered().whole());
  EXPECT_FALSE(Layout::columns_of(3, 4, 2, 2).covered().whole());
  EXPECT_FALSE(Layout::columns_of(1, 4, 2, 2).covered().whole());
}

}  // namespace
}  // namespace stepcast
