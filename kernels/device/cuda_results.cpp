#include "kernels/device/device_results.h"

namespace stepcast {

AddedOnDevice::AddedOnDevice(const LiveOperand& result, DeviceContext& context, ScratchUse use)
    : result_(result), context_(context) {
  if (!result) return;
  if (size_of(result.dtype) == sizeof(float)) {
    to_ = elements<float>(result);
    clear_on_device_unless_added_to(result, context);
    return;
  }
  const std::int64_t count = result.layout.elements();
  STEPCAST_CHECK(result.layout.contiguous(), "a 16-bit sum has gaps");
  to_ = context.scratch_floats(count, use);
  fill_zero(to_, static_cast<std::size_t>(count) * sizeof(float), context.stream());
}

void AddedOnDevice::finish() const {
  if (!result_ || size_of(result_.dtype) == sizeof(float)) return;
  const std::int64_t count = result_.layout.elements();
  with_element_type(result_.dtype, [&]<typename T>() {
    cuda::copy({.rows = 1, .cols = count, .from_stride = count, .to_stride = count},
               static_cast<const float*>(to_), elements<T>(result_), result_.add, context_);
  });
}

void clear_on_device_unless_added_to(const LiveOperand& result, DeviceContext& context) {
  if (result.add) return;
  const Layout& layout = result.layout;
  const std::int64_t heads = layout.inner.count / layout.repeat;
  // Heads side by side are one block.
  const bool together = heads == 1 || layout.inner.stride == layout.columns;
  with_element_type(result.dtype, [&]<typename T>() {
    for (std::int64_t matrix = 0; matrix < layout.outer.count * (together ? 1 : heads); ++matrix) {
      T* const first = elements<T>(result) +
                       (together ? matrix : matrix / heads) * layout.outer.stride +
                       (together ? 0 : matrix % heads * layout.inner.stride);
      cuda::clear(layout.rows, together ? heads * layout.columns : layout.columns,
                  layout.row_stride, first, context);
    }
  });
}

void keep_all_on_device(const LiveOperand& mask, DeviceContext& context) {
  if (mask) cuda::fill_bytes(mask.layout.elements(), 1, mask.bytes(), context);
}

void copy_or_add_on_device(const LiveOperand& x, const LiveOperand& y, DeviceContext& context) {
  const CopyShape block{.rows = x.layout.rows,
                        .cols = x.layout.columns,
                        .from_stride = x.layout.row_stride,
                        .to_stride = y.layout.row_stride};
  with_element_type(x.dtype, [&]<typename From>() {
    with_element_type(y.dtype, [&]<typename To>() {
      cuda::copy(block, static_cast<const From*>(elements<From>(x)), elements<To>(y), y.add,
                 context);
    });
  });
}

}  // namespace stepcast
