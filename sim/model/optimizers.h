// Optimizers: what they keep for every parameter, and the kernel that updates it. A new one is a
// row in optimizers.cpp, and the kernel's row in compute/kernel_table.cpp when that is new.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/compute/kernels.h"

namespace stepcast {

/// A row of the table. Beside the moments, 16-bit weights have an fp32 copy under every optimizer.
struct Optimizer {
  std::string_view name;  ///< what training.optimizer says
  /// Its operands: the norm; then for each piece weight, gradient, `moments` times a moment, copy.
  KernelKind update{};
  std::int64_t moments = 0;  ///< fp32 numbers per parameter that steps hand on
  double learning_rate = 0;  ///< of live runs, unless they are told
  std::string_view description;

  std::int64_t state_bytes_per_parameter(bool has_master_copy) const {
    return 4 * moments + (has_master_copy ? 4 : 0);
  }
};

std::span<const Optimizer> optimizer_table();
/// Throws Error(kInput) listing the names that exist.
const Optimizer& find_optimizer(std::string_view name);

}  // namespace stepcast
