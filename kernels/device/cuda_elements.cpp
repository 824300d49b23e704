// Kernels that work element by element, the optimizer, and the table.
#include <array>

#include "kernels/device/cuda_launchers.h"
#include "kernels/device/element_type.h"
#include "kernels/ops/elementwise.h"

namespace stepcast {
namespace {

void copy_or_add(const LiveOperand& x, const LiveOperand& y, DeviceContext& context) {
  const CopyShape block{.rows = x.layout.rows,
                        .cols = x.layout.columns,
                        .from_stride = x.layout.row_stride,
                        .to_stride = y.layout.row_stride};
  with_element_type(x.dtype, [&]<typename From>() {
    with_element_type(y.dtype, [&]<typename To>() {
      cuda::copy(block, elements<From>(x), elements<To>(y), y.add, context);
    });
  });
}

}  // namespace

/// Copies, or additions where a piece says so.
void cuda_copy(const Launch& launch) {
  for (std::size_t i = 0; i + 1 < launch.operands.size(); i += 2)
    if (launch.operands[i]) copy_or_add(launch.operands[i], launch.operands[i + 1], *launch.device);
}

namespace {

constexpr auto kTable = [] {
  std::array<Launcher, static_cast<std::size_t>(KernelKind::kGradNorm) + 1> table{};
  const auto set = [&](KernelKind kind, Launcher launcher) {
    table[static_cast<std::size_t>(kind)] = launcher;
  };
  set(KernelKind::kCopy, cuda_copy);
  set(KernelKind::kAccumulate, cuda_copy);
  set(KernelKind::kAddGradient, cuda_copy);
  return table;
}();

}  // namespace

LauncherTable cuda_launchers() { return kTable; }

}  // namespace stepcast
