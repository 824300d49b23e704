// Results of the CPU's kernels where these can do only the one: some always overwrite, others
// always add to an fp32 sum. And the scratch memory of launchers, which is taken once and kept.
#pragma once

#include <cstdint>

#include "kernels/live/element_type.h"

namespace stepcast {

/// Uses of scratch memory that can meet in one launch.
enum class Scratch : std::uint8_t { kWorkspace, kResult, kSum, kSecondSum, kVector };
inline constexpr int kNumScratches = 5;

/// Memory of this thread for `bytes` bytes, the same until it is asked for more; 64-byte aligned.
std::byte* scratch_bytes(Scratch use, std::int64_t bytes);
template <typename T = float>
T* scratch(Scratch use, std::int64_t count) {
  return reinterpret_cast<T*>(scratch_bytes(use, count * static_cast<std::int64_t>(sizeof(T))));
}

/// Zeros, unless the operand is added to. For kernels that always add.
template <typename T>
void clear_unless_added_to(const LiveOperand& result);

/// Where a kernel that only overwrites may write: the operand itself, or scratch memory that
/// finish() adds to it. Dense operands only.
template <typename T>
class OverwrittenResult {
 public:
  explicit OverwrittenResult(const LiveOperand& result);
  T* data() const { return to_; }
  void finish() const;

 private:
  const LiveOperand& result_;
  T* to_ = nullptr;
};

/// Where a kernel that only adds, in fp32, may add: the operand itself, cleared unless it is added
/// to, or scratch memory that finish() rounds into it. Dense operands only; a left-out one has no
/// memory.
class AddedResult {
 public:
  explicit AddedResult(const LiveOperand& result, Scratch use = Scratch::kSum);
  float* floats() const { return to_; }
  void finish() const;

 private:
  bool direct() const;
  const LiveOperand& result_;
  float* to_ = nullptr;
};

/// The elements of a dense operand in fp32: the operand itself, or a widened copy in scratch
/// memory; null where there is none.
const float* widened_floats(const LiveOperand& operand, Scratch use);

/// y = x, or y += x, between fp32 and 16-bit types as the operands say.
void copy_or_add(const LiveOperand& x, const LiveOperand& y);

}  // namespace stepcast
