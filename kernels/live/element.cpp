#include "kernels/live/element.h"

#include <algorithm>
#include <string>

#include "kernels/cpu/element.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

template <typename T>
void combine_as(ReduceOp reduce, const std::byte* a_bytes, const std::byte* b_bytes,
                std::byte* out_bytes, std::size_t count) {
  const auto* a = reinterpret_cast<const T*>(a_bytes);
  const auto* b = reinterpret_cast<const T*>(b_bytes);
  auto* out = reinterpret_cast<T*>(out_bytes);
  if (reduce == ReduceOp::kSum) {
    for (std::size_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
  } else {
    for (std::size_t i = 0; i < count; ++i) out[i] = std::max(a[i], b[i]);
  }
}

/// T is Bf16 or Fp16: arithmetic is fp32, each result is rounded.
template <typename T>
void combine_halves(ReduceOp reduce, const std::byte* a_bytes, const std::byte* b_bytes,
                    std::byte* out_bytes, std::size_t count) {
  const auto* a = reinterpret_cast<const T*>(a_bytes);
  const auto* b = reinterpret_cast<const T*>(b_bytes);
  auto* out = reinterpret_cast<T*>(out_bytes);
  if (reduce == ReduceOp::kSum) {
    for (std::size_t i = 0; i < count; ++i) store(out[i], widened(a[i]) + widened(b[i]));
  } else {
    for (std::size_t i = 0; i < count; ++i) store(out[i], std::max(widened(a[i]), widened(b[i])));
  }
}

}  // namespace

std::string_view name_of(Element element) {
  switch (element) {
    case Element::kFp64:
      return "fp64";
    case Element::kFp32:
      return "fp32";
    case Element::kFp16:
      return "fp16";
    case Element::kBf16:
      return "bf16";
    case Element::kInt64:
      return "int64";
    case Element::kInt32:
      return "int32";
    case Element::kByte:
      return "byte";
  }
  return "";
}

Element element_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFp32:
    case Dtype::kTf32:
      return Element::kFp32;
    case Dtype::kFp16:
      return Element::kFp16;
    case Dtype::kBf16:
      return Element::kBf16;
    case Dtype::kFp8:
      return Element::kByte;
  }
  STEPCAST_CHECK(false, "a dtype without elements");
}

void combine(Element element, ReduceOp reduce, const std::byte* a, const std::byte* b,
             std::byte* out, std::size_t count) {
  switch (element) {
    case Element::kFp64:
      return combine_as<double>(reduce, a, b, out, count);
    case Element::kFp32:
      return combine_as<float>(reduce, a, b, out, count);
    case Element::kFp16:
      return combine_halves<Fp16>(reduce, a, b, out, count);
    case Element::kBf16:
      return combine_halves<Bf16>(reduce, a, b, out, count);
    case Element::kInt64:
      return combine_as<std::int64_t>(reduce, a, b, out, count);
    case Element::kInt32:
      return combine_as<std::int32_t>(reduce, a, b, out, count);
    case Element::kByte:
      break;
  }
  throw Error(ErrorKind::kUnsupported,
              "a sum of bytes (fp8 is only passed on between ranks): reduce fp32, bf16 or fp16");
}

}  // namespace stepcast
