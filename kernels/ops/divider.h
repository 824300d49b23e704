// Division by a number that is known when a kernel is started: a multiplication instead of the
// twenty and more instructions of a division.
#pragma once

#include "kernels/ops/launch.h"

namespace stepcast::cuda {

/// n / divisor for n < 2^31 and 1 <= divisor < 2^31 [Granlund and Montgomery, Division by Invariant
/// Integers using Multiplication, 1994, figure 4.1]. The sum below stays under 2^32 for such n.
class Divider {
 public:
  explicit Divider(std::int64_t divisor) {
    while (std::int64_t{1} << shift_ < divisor) ++shift_;
    multiplier_ = static_cast<unsigned>(
        (static_cast<std::uint64_t>((std::int64_t{1} << shift_) - divisor) << 32) /
            static_cast<std::uint64_t>(divisor) +
        1);
  }
  __device__ __forceinline__ int operator()(int n) const {
    const auto dividend = static_cast<unsigned>(n);
    return static_cast<int>((__umulhi(multiplier_, dividend) + dividend) >> shift_);
  }

 private:
  unsigned multiplier_ = 0;
  unsigned shift_ = 0;
};

}  // namespace stepcast::cuda
