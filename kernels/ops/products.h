// The border to cuBLASLt: runs calls as kernels/ops/lt_arguments.h makes them. In the emulation
// (tests/emulation/products_plain.cpp) they are plain loops.
#pragma once

#include <memory>

#include "kernels/ops/lt_arguments.h"

namespace stepcast::cuda {

/// Operands of a call, named as cuBLASLt does: a is our b.
struct LtPointers {
  const void *a = nullptr, *b = nullptr;
  void* c = nullptr;
  float alpha = 1, beta = 0;
  const void* bias = nullptr;
  void* before_gelu = nullptr;
  const float *scale_a = nullptr, *scale_b = nullptr;
};

/// Handle, workspace, and a kernel per LtArguments, chosen at first use by cuBLASLt's heuristics.
class Products {
 public:
  explicit Products(DeviceContext& context);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// Throws Error(kUnsupported) where cuBLASLt has no kernel.
  void run(const LtArguments& arguments, const LtPointers& pointers);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stepcast::cuda
