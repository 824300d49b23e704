#include "kernels/live/reference_access.h"

#include "kernels/live/element_type.h"

namespace stepcast {

double read_half(const LiveOperand& operand, std::int64_t at) {
  double value = 0;
  with_element_type(operand.dtype,
                    [&]<typename T>() { value = widened(elements<T>(operand)[at]); });
  return value;
}

void write_half(const LiveOperand& operand, std::int64_t at, double value) {
  with_element_type(operand.dtype, [&]<typename T>() {
    store(elements<T>(operand)[at], static_cast<float>(value));
  });
}

}  // namespace stepcast
