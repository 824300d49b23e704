#include "kernels/live/cpu_results.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <type_traits>

#include "kernels/cpu/elementwise.h"

namespace stepcast {
namespace {

constexpr std::align_val_t kAlignment{64};

struct AlignedDelete {
  void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
};

struct ScratchMemory {
  std::unique_ptr<std::byte, AlignedDelete> memory;
  std::int64_t bytes = 0;
};

template <typename From, typename To>
void copy_rows(const CopyShape& block, const From* from, To* to) {
  if constexpr (std::is_same_v<From, To>)
    cpu::copy(block, from, to);
  else
    cpu::cast(block, from, to);
}

template <typename From, typename To>
void add_row(std::int64_t n, const From* from, To* to) {
  if constexpr (std::is_same_v<To, float>)
    cpu::accumulate(n, from, to);
  else if constexpr (std::is_same_v<From, To>)
    cpu::add(n, from, to, to);
  else
    STEPCAST_CHECK(false, "wider elements are added to narrower ones");
}

template <typename From, typename To>
void copy_or_add_as(const LiveOperand& x, const LiveOperand& y) {
  const CopyShape block{.rows = x.layout.rows,
                        .cols = x.layout.columns,
                        .from_stride = x.layout.row_stride,
                        .to_stride = y.layout.row_stride};
  const From* from = elements<From>(x);
  To* to = elements<To>(y);
  if (!y.add) return copy_rows(block, from, to);
  for (std::int64_t row = 0; row < block.rows; ++row)
    add_row(block.cols, from + row * block.from_stride, to + row * block.to_stride);
}

}  // namespace

std::byte* scratch_bytes(Scratch use, std::int64_t bytes) {
  thread_local std::array<ScratchMemory, kNumScratches> memories;
  ScratchMemory& own = memories[static_cast<std::size_t>(use)];
  if (own.bytes < bytes) {
    own.memory.reset(
        static_cast<std::byte*>(::operator new(static_cast<std::size_t>(bytes), kAlignment)));
    own.bytes = bytes;
  }
  return own.memory.get();
}

template <typename T>
void clear_unless_added_to(const LiveOperand& result) {
  if (result.add) return;
  const Layout& layout = result.layout;
  const std::int64_t heads = layout.inner.count / layout.repeat;
  for (std::int64_t matrix = 0; matrix < layout.outer.count * heads; ++matrix) {
    T* first = elements<T>(result) + matrix / heads * layout.outer.stride +
               matrix % heads * layout.inner.stride;
    for (std::int64_t row = 0; row < layout.rows; ++row)
      std::fill_n(first + row * layout.row_stride, layout.columns, T{});
  }
}

template <typename T>
OverwrittenResult<T>::OverwrittenResult(const LiveOperand& result)
    : result_(result), to_(elements<T>(result)) {
  if (!result.add) return;
  STEPCAST_CHECK(result.layout.contiguous(), "a result with gaps is added to");
  to_ = scratch<T>(Scratch::kResult, result.layout.elements());
}

template <typename T>
void OverwrittenResult<T>::finish() const {
  if (result_.add) add_row(result_.layout.elements(), to_, elements<T>(result_));
}

bool AddedResult::direct() const { return size_of(result_.dtype) == 4; }

AddedResult::AddedResult(const LiveOperand& result, Scratch use) : result_(result) {
  if (!result) return;
  if (direct()) {
    clear_unless_added_to<float>(result);
    to_ = result.floats();
    return;
  }
  STEPCAST_CHECK(result.layout.contiguous(), "a 16-bit sum with gaps");
  to_ = scratch(use, result.layout.elements());
  if (!result.add) {
    std::fill_n(to_, result.layout.elements(), 0.0F);
    return;
  }
  with_element_type(result.dtype, [&]<typename T>() {
    cpu::cast(result.layout.elements(), elements<T>(result), to_);
  });
}

void AddedResult::finish() const {
  if (!result_ || direct()) return;
  with_element_type(result_.dtype, [&]<typename T>() {
    cpu::cast(result_.layout.elements(), to_, elements<T>(result_));
  });
}

const float* widened_floats(const LiveOperand& operand, Scratch use) {
  if (!operand || size_of(operand.dtype) == 4) return elements<float>(operand);
  float* wide = scratch(use, operand.layout.elements());
  with_element_type(operand.dtype, [&]<typename T>() {
    cpu::cast(operand.layout.elements(), elements<T>(operand), wide);
  });
  return wide;
}

void copy_or_add(const LiveOperand& x, const LiveOperand& y) {
  with_element_type(x.dtype, [&]<typename From>() {
    with_element_type(y.dtype, [&]<typename To>() {
      if constexpr (std::is_same_v<From, To> || std::is_same_v<From, float> ||
                    std::is_same_v<To, float>)
        copy_or_add_as<From, To>(x, y);
      else
        STEPCAST_CHECK(false, "bf16 and fp16 are mixed");
    });
  });
}

#define STEPCAST_INSTANTIATE(T)                               \
  template void clear_unless_added_to<T>(const LiveOperand&); \
  template class OverwrittenResult<T>;
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast
