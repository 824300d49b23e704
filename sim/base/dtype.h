// Element types of tensors and the arithmetic they select.
#pragma once

#include <cstdint>
#include <string_view>

namespace stepcast {

/// tf32 is stored as 4 bytes and computed on tensor cores with a 10-bit mantissa.
enum class Dtype : std::uint8_t { kFp32, kTf32, kFp16, kBf16, kFp8 };

constexpr std::int64_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFp32:
    case Dtype::kTf32:
      return 4;
    case Dtype::kFp16:
    case Dtype::kBf16:
      return 2;
    case Dtype::kFp8:
      return 1;
  }
  return 0;
}

constexpr std::string_view name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFp32:
      return "fp32";
    case Dtype::kTf32:
      return "tf32";
    case Dtype::kFp16:
      return "fp16";
    case Dtype::kBf16:
      return "bf16";
    case Dtype::kFp8:
      return "fp8";
  }
  return "";
}

}  // namespace stepcast
