// Results of GPU kernels where these can do only the one: some always overwrite, others always add
// to an fp32 sum.
#pragma once

#include "kernels/device/element_type.h"
#include "kernels/ops/elementwise.h"

namespace stepcast {

/// Where a kernel that only overwrites may write: the operand itself, or scratch memory of the
/// context that finish() adds to it. Operands without gaps only.
template <typename T>
class OverwrittenOnDevice {
 public:
  OverwrittenOnDevice(const LiveOperand& result, DeviceContext& context)
      : result_(result), context_(context), to_(elements<T>(result)) {
    if (!result.add) return;
    STEPCAST_CHECK(result.layout.contiguous(), "a result with gaps is added to");
    to_ = reinterpret_cast<T*>(
        context.scratch(static_cast<std::size_t>(count()) * sizeof(T), ScratchUse::kResult));
  }

  T* data() const { return to_; }
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

/// Where a kernel that only adds, in fp32, may add: the operand itself, cleared unless it is added
/// to, or scratch memory that finish() rounds into it. Operands without gaps only; a left-out one
/// has no memory.
class AddedOnDevice {
 public:
  AddedOnDevice(const LiveOperand& result, DeviceContext& context,
                ScratchUse use = ScratchUse::kResult);
  float* floats() const { return to_; }
  void finish() const;

 private:
  const LiveOperand& result_;
  DeviceContext& context_;
  float* to_ = nullptr;
};

/// Zeros, unless the operand is added to. For kernels that always add.
void clear_on_device_unless_added_to(const LiveOperand& result, DeviceContext& context);

/// Nothing is dropped: every element of the mask, where there is one, is 1.
void keep_all_on_device(const LiveOperand& mask, DeviceContext& context);

/// Copies, or adds where `y` says so, in another type where they differ.
void copy_or_add_on_device(const LiveOperand& x, const LiveOperand& y, DeviceContext& context);

}  // namespace stepcast
