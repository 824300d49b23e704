// Operands of GPU kernels by element type: as those of the CPU's, and checked, since a GPU would
// not notice a wrong one.
#pragma once

#include <string>

#include "kernels/live/element_type.h"
#include "sim/base/error.h"

namespace stepcast {

/// Of a kernel that computes on T. Throws Error(kUnsupported) where an operand is stored otherwise.
template <typename T>
T* elements_of_type(const LiveOperand& operand, Dtype dtype) {
  if (operand && size_of(operand.dtype) != size_of(dtype))
    throw Error(ErrorKind::kUnsupported, "a GPU kernel of " + std::string(name_of(dtype)) +
                                             " is given an operand of " +
                                             std::string(name_of(operand.dtype)));
  return elements<T>(operand);
}

/// Gradients of parameters and statistics, which are fp32.
inline float* fp32_elements(const LiveOperand& operand) {
  return elements_of_type<float>(operand, Dtype::kFp32);
}

}  // namespace stepcast
