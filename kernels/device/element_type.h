// From the dtype of an operand to the type in which its elements are stored.
#pragma once

#include <string>

#include "kernels/cpu/element.h"
#include "kernels/live/launch.h"
#include "sim/base/error.h"

namespace stepcast {

/// The first element of an operand, stored as T; nullptr where there is none.
template <typename T>
T* elements(const LiveOperand& operand) {
  return operand ? reinterpret_cast<T*>(operand.memory) + operand.layout.offset : nullptr;
}

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

/// Calls run.operator()<T>() with the type in which `dtype` is stored. Throws Error(kUnsupported)
/// for fp8, which only products have.
template <typename Run>
void with_element_type(Dtype dtype, Run run) {
  switch (dtype) {
    case Dtype::kFp32:
    case Dtype::kTf32:
      return run.template operator()<float>();
    case Dtype::kBf16:
      return run.template operator()<Bf16>();
    case Dtype::kFp16:
      return run.template operator()<Fp16>();
    case Dtype::kFp8:
      break;
  }
  throw Error(ErrorKind::kUnsupported, "a GPU kernel is to work on " + std::string(name_of(dtype)) +
                                           "; only matrix products do");
}

}  // namespace stepcast
