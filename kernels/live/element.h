// Elements of the buffers that ranks exchange, and their sums. Wider than Dtype: losses travel as
// fp64, counts as integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sim/base/dtype.h"
#include "sim/collective/kind.h"

namespace stepcast {

enum class Element : std::uint8_t {
  kFp64,
  kFp32,
  kFp16,
  kBf16,
  kInt64,
  kInt32,
  kByte,  ///< of anything else; can be passed on, not summed
};

constexpr std::size_t size_of(Element element) {
  switch (element) {
    case Element::kFp64:
    case Element::kInt64:
      return 8;
    case Element::kFp32:
    case Element::kInt32:
      return 4;
    case Element::kFp16:
    case Element::kBf16:
      return 2;
    case Element::kByte:
      return 1;
  }
  return 0;
}

std::string_view name_of(Element element);

/// How elements of `dtype` are stored. tf32 is stored as fp32; fp8 is bytes.
Element element_of(Dtype dtype);

/// out[i] = a[i] + b[i], or the larger of the two, for `count` elements. `out` may be `a` or `b`,
/// and overlaps neither in another way. Halves are added in fp32 and rounded to nearest, even on a
/// tie. The order of a and b does not change the result, NaNs apart. Throws Error(kUnsupported) for
/// kByte.
void combine(Element element, ReduceOp reduce, const std::byte* a, const std::byte* b,
             std::byte* out, std::size_t count);

}  // namespace stepcast
