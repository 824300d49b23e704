// The bench of kernels for GPUs: what its cases work on, how they are timed, and what they are held
// against. A case prints what it reaches and, as a counter, its share of a reference:
//
//   of_copy      bytes/s over those of the driver's copy of 128 MiB
//   of_cublaslt  the time of a bare call of cuBLASLt over ours
//   of_cudnn     the time of cuDNN's attention over ours
//
// Tensors have 128 MiB and more, so that second caches do not flatter, and hold random numbers
// (zeros would draw less power and run faster).
#pragma once

#include <functional>
#include <string>

#include "kernels/cpu/element.h"
#include "kernels/ops/device_context.h"

namespace stepcast::bench {

constexpr std::int64_t kTokens = 16384, kHidden = 4096, kElements = kTokens * kHidden;
constexpr double kBf16Tensor = 2.0 * kElements, kFp32Tensor = 4.0 * kElements;
constexpr std::int32_t kWords = 32000;

/// Tensors that the cases share, made once. The first group is only read, the second written.
struct Bench {
  Bench();

  DeviceStream stream;
  DeviceContext context{stream.handle()};

  DeviceArray<Bf16> x, z, vector;            ///< kElements, 3 kElements, kHidden
  DeviceArray<Fp16> half;                    ///< kElements
  DeviceArray<float> f;                      ///< kElements
  DeviceArray<std::uint8_t> numbers;         ///< kElements of e4m3, or of int8
  DeviceArray<std::int32_t> tokens, places;  ///< kTokens words; kElements / 100 places, rising

  DeviceArray<Bf16> y, result;          ///< kElements, 3 kElements
  DeviceArray<float> g, h, w, squares;  ///< kElements; squares are not negative
  DeviceArray<float> rows, more_rows;   ///< 64 kTokens
  DeviceArray<float> sums;              ///< 2 kHidden
  DeviceArray<std::uint8_t> bytes;      ///< kElements
  DeviceArray<double> sum;              ///< 1

  double copy_rate = 0;  ///< bytes/s, read and written, of the driver's copy of 128 MiB
};

using Run = std::function<void(Bench&)>;

struct Case {
  std::string name;
  double bytes = 0;        ///< that must move
  double flops = 0;        ///< of the arithmetic
  bool of_copy = true;     ///< of a case with bytes: whether its memory is the device's
  const char* ratio = "";  ///< the counter of the reference below
  Run reference = {};      ///< does the same work
  Run check = {};          ///< throws Error where the two do not give the same
};

/// Registers it. Where our kernel, the reference or the check throws, the case is an error with
/// their words, and has no ratio; its label is the name of the counter that is missing.
void add(Bench& bench, const Case& one, const Run& run);

void add_moves(Bench& bench);
void add_rows(Bench& bench);
void add_elements(Bench& bench);
void add_updates(Bench& bench);
void add_images(Bench& bench);
void add_products(Bench& bench);
void add_attention(Bench& bench);
void add_unfused_attention(Bench& bench);

}  // namespace stepcast::bench
