// Where a kernel that only overwrites may write, when the program wants its result added.
#pragma once

#include "kernels/device/element_type.h"
#include "kernels/ops/elementwise.h"

namespace stepcast {

/// The operand itself, or scratch memory of the context that finish() adds to it. Of operands
/// without gaps, and kernels that need no scratch memory themselves.
template <typename T>
class OverwrittenOnDevice {
 public:
  OverwrittenOnDevice(const LiveOperand& result, DeviceContext& context)
      : result_(result), context_(context), to_(elements<T>(result)) {
    if (!result.add) return;
    STEPCAST_CHECK(result.layout.contiguous(), "a result with gaps is added to");
    to_ = reinterpret_cast<T*>(context.scratch(static_cast<std::size_t>(count()) * sizeof(T)));
  }

  T* elements_to_write() const { return to_; }
  void finish() const {
    if (result_.add)
      cuda::add(count(), elements<T>(result_), static_cast<const T*>(to_), elements<T>(result_),
                context_);
  }

 private:
  std::int64_t count() const { return result_.layout.elements(); }

  const LiveOperand& result_;
  DeviceContext& context_;
  T* to_;
};

}  // namespace stepcast
