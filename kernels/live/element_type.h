// From the dtype of an operand to the type in which its elements are stored.
#pragma once

#include <string>

#include "kernels/cpu/element.h"
#include "kernels/live/launch.h"
#include "sim/base/error.h"

namespace stepcast {

/// The element of an operand at its offset, stored as T; nullptr where there is none.
template <typename T>
T* elements(const LiveOperand& operand) {
  return operand ? reinterpret_cast<T*>(operand.memory) + operand.layout.offset : nullptr;
}

/// Calls run.operator()<T>() with the type in which `dtype` is stored. Throws Error(kUnsupported)
/// for fp8, which only a GPU's products have.
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
  throw Error(ErrorKind::kUnsupported, "a kernel is to work on " + std::string(name_of(dtype)) +
                                           "; only a GPU's matrix products do");
}

}  // namespace stepcast
