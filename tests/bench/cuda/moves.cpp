// Copies (device, host, peer), casts, sums, compression.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>

#include "kernels/cuda/check.h"
#include "kernels/ops/compression.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/fp8.h"
#include "tests/bench/cuda/cases.h"

namespace stepcast::bench {
namespace {

constexpr std::size_t kBytes = 2 * kElements;
constexpr CopyShape kFlat{1, kElements, kElements, kElements};

void add_host_copies(Bench& bench) {
  const auto host = std::make_shared<PinnedMemory>(kBytes);
  std::fill_n(host->data(), kBytes, std::byte{0x3c});
  add(bench, {.name = "copy to device, pinned", .bytes = kBf16Tensor, .of_copy = false},
      [host](Bench& b) { copy_bytes(host->data(), b.y.data(), kBytes, b.stream.handle()); });
  add(bench, {.name = "copy to host, pinned", .bytes = kBf16Tensor, .of_copy = false},
      [host](Bench& b) { copy_bytes(b.x.data(), host->data(), kBytes, b.stream.handle()); });
}

/// From this device to the next.
void add_peer_copy(Bench& bench) {
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count));
  if (count < 2)
    return (void)std::fprintf(stderr, "copy to peer is left out: this machine has one GPU\n");
  use_device(1);
  const auto there = std::make_shared<DeviceMemory>(kBytes);
  use_device(0);
  add(bench, {.name = "copy to peer", .bytes = kBf16Tensor, .of_copy = false}, [there](Bench& b) {
    copy_to_peer(b.x.data(), 0, there->data(), 1, kBytes, b.stream.handle());
  });
}

void add_device_copies(Bench& bench) {
  add(bench, {.name = "copy, by the driver", .bytes = 2 * kBf16Tensor},
      [](Bench& b) { copy_bytes(b.x.data(), b.y.data(), kBytes, b.stream.handle()); });
  add(bench, {.name = "copy", .bytes = 2 * kBf16Tensor},
      [](Bench& b) { cuda::copy(kFlat, b.x.data(), b.y.data(), false, b.context); });
  // Half of the columns of wider rows: a shard of a weight.
  add(bench, {.name = "copy of columns", .bytes = kBf16Tensor}, [](Bench& b) {
    cuda::copy({kTokens, kHidden / 2, kHidden, kHidden / 2}, b.x.data(), b.y.data(), false,
               b.context);
  });
  add(bench, {.name = "transpose", .bytes = 2 * kBf16Tensor}, [](Bench& b) {
    cuda::transpose({kTokens, kHidden, kHidden, kTokens}, b.x.data(), b.y.data(), b.context);
  });
}

void add_casts(Bench& bench) {
  add(bench, {.name = "cast fp32 to bf16", .bytes = kFp32Tensor + kBf16Tensor},
      [](Bench& b) { cuda::copy(kFlat, b.f.data(), b.y.data(), false, b.context); });
  add(bench, {.name = "cast bf16 to fp32", .bytes = kBf16Tensor + kFp32Tensor},
      [](Bench& b) { cuda::copy(kFlat, b.x.data(), b.g.data(), false, b.context); });
  add(bench, {.name = "cast to fp8", .bytes = kBf16Tensor + kElements}, [](Bench& b) {
    cuda::cast_to_fp8(cuda::Fp8::kE4m3, kElements, b.x.data(), b.sums.data(), b.bytes.data(),
                      b.context);
  });
  add(bench, {.name = "scale of fp8", .bytes = kBf16Tensor}, [](Bench& b) {
    cuda::fp8_scale(cuda::Fp8::kE4m3, kElements, b.x.data(), b.sums.data(), b.context);
  });
  add(bench, {.name = "scale", .bytes = 2 * kBf16Tensor},
      [](Bench& b) { cuda::scale(kElements, 0.5F, nullptr, b.x.data(), b.y.data(), b.context); });
}

void add_sums(Bench& bench) {
  add(bench, {.name = "accumulate into fp32", .bytes = kBf16Tensor + 2 * kFp32Tensor},
      [](Bench& b) { cuda::copy(kFlat, b.x.data(), b.g.data(), true, b.context); });
  add(bench, {.name = "add", .bytes = 3 * kBf16Tensor},
      [](Bench& b) { cuda::add(kElements, b.x.data(), b.z.data(), b.y.data(), b.context); });
  add(bench, {.name = "column sums", .bytes = kBf16Tensor}, [](Bench& b) {
    cuda::add_column_sums(kTokens, kHidden, kHidden, b.x.data(), b.sums.data(), b.context);
  });
}

void add_compression(Bench& bench) {
  constexpr double kScales = 4.0 * kElements / 256;
  add(bench, {.name = "quantize", .bytes = kFp32Tensor + kElements + kScales}, [](Bench& b) {
    cuda::quantize({.n = kElements}, b.f.data(), reinterpret_cast<std::int8_t*>(b.bytes.data()),
                   b.rows.data(), b.context);
  });
  add(bench, {.name = "dequantize", .bytes = kElements + kScales + kFp32Tensor}, [](Bench& b) {
    cuda::dequantize({.n = kElements}, reinterpret_cast<const std::int8_t*>(b.numbers.data()),
                     b.more_rows.data(), b.g.data(), b.context);
  });
  // A hundredth: x is read five times (compression.h), and what is found is written.
  constexpr std::int64_t kTop = kElements / 100;
  add(bench, {.name = "top_k, 1 in 100", .bytes = 5 * kFp32Tensor + 8.0 * kTop}, [](Bench& b) {
    cuda::top_k(kElements, kTop, b.f.data(), reinterpret_cast<std::int32_t*>(b.g.data()),
                b.h.data(), b.context);
  });
  // Of each element that is touched, a sector of 32 bytes is read and written.
  add(bench, {.name = "add_sparse, 1 in 100", .bytes = (8.0 + 2 * 32) * kTop},
      [](Bench& b) { cuda::add_sparse(kTop, b.places.data(), b.f.data(), b.g.data(), b.context); });
}

}  // namespace

void add_moves(Bench& bench) {
  add_device_copies(bench);
  add_host_copies(bench);
  add_peer_copy(bench);
  add_casts(bench);
  add_sums(bench);
  add_compression(bench);
}

}  // namespace stepcast::bench
