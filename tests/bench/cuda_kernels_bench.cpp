// Rates of the kernels for GPUs, timed by events on the device: bytes/s of what moves memory,
// beside the copy that comes first, and FLOP/s of products and attention. Tensors of 64 MiB and
// more, larger than second caches, of random numbers (zeros would draw less power and run faster).
#include <benchmark/benchmark.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/element.h"
#include "kernels/cuda/check.h"
#include "kernels/ops/activation.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/compression.h"
#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/dropout.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/fp8.h"
#include "kernels/ops/gemm.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/optimizer.h"
#include "kernels/ops/rotary.h"
#include "kernels/ops/softmax.h"

namespace stepcast {
namespace {

constexpr std::int64_t kTokens = 8192, kHidden = 4096, kElements = kTokens * kHidden;

/// Everything that the cases work on, made once.
struct Bench {
  template <typename T>
  static DeviceArray<T> random(std::int64_t n) {
    std::minstd_rand words(static_cast<unsigned>(n % 1000 + 1));
    std::vector<T> values(static_cast<std::size_t>(n));
    for (T& value : values) store(value, static_cast<float>(words() % 65536) / 32768.0F - 1);
    return DeviceArray<T>(values);
  }
  static DeviceArray<std::int32_t> ids(std::int32_t below) {
    std::minstd_rand words(1);
    std::vector<std::int32_t> values(static_cast<std::size_t>(kTokens));
    for (std::int32_t& id : values)
      id = static_cast<std::int32_t>(words() % static_cast<std::uint32_t>(below));
    return DeviceArray<std::int32_t>(values);
  }

  DeviceStream stream;
  DeviceContext context{stream.handle()};
  DeviceArray<Bf16> x = random<Bf16>(kElements), y = random<Bf16>(kElements),
                    z = random<Bf16>(3 * kElements), vector = random<Bf16>(kHidden),
                    result = DeviceArray<Bf16>(3 * kElements);
  DeviceArray<float> f = random<float>(kElements), g = random<float>(kElements),
                     h = random<float>(kElements), w = random<float>(kElements),
                     sums = random<float>(2 * kHidden), rows = random<float>(64 * kTokens);
  DeviceArray<std::int32_t> tokens = ids(32000), indices = ids(1);
  DeviceArray<std::uint8_t> bytes = DeviceArray<std::uint8_t>(2 * kElements);
  DeviceArray<double> sum = DeviceArray<double>(1);
};

using Run = std::function<void(Bench&)>;

/// A case whose work is `bytes`, or `flops` where that is not 0.
void time_case(benchmark::State& state, Bench& bench, const Run& run, double bytes, double flops) {
  const DeviceEvent begin, end;
  run(bench);  // scratch memory, and cuBLASLt's choice
  bench.stream.synchronize();
  for (auto _ : state) {
    begin.record(bench.stream.handle());
    run(bench);
    end.record(bench.stream.handle());
    end.synchronize();
    state.SetIterationTime(elapsed(begin, end).value());
  }
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  if (bytes > 0) state.counters["bytes/s"] = benchmark::Counter(bytes, rate);
  if (flops > 0) state.counters["FLOP/s"] = benchmark::Counter(flops, rate);
}

void add(Bench& bench, const std::string& name, double bytes, double flops, const Run& run) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [&bench, run, bytes, flops](benchmark::State& state) {
                                 time_case(state, bench, run, bytes, flops);
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

constexpr double kBf16Tensor = 2.0 * kElements, kFp32Tensor = 4.0 * kElements;

void add_moves(Bench& bench) {
  add(bench, "copy, by the driver", 2 * kBf16Tensor, 0,
      [](Bench& b) { copy_bytes(b.x.data(), b.y.data(), 2 * kElements, b.stream.handle()); });
  add(bench, "copy", 2 * kBf16Tensor, 0, [](Bench& b) {
    cuda::copy({1, kElements, kElements, kElements}, b.x.data(), b.y.data(), false, b.context);
  });
  add(bench, "accumulate into fp32", kBf16Tensor + 2 * kFp32Tensor, 0, [](Bench& b) {
    cuda::copy({1, kElements, kElements, kElements}, b.x.data(), b.f.data(), true, b.context);
  });
  add(bench, "transpose", 2 * kBf16Tensor, 0, [](Bench& b) {
    cuda::transpose({kTokens, kHidden, kHidden, kTokens}, b.x.data(), b.y.data(), b.context);
  });
  add(bench, "cast to fp8", kBf16Tensor + kElements, 0, [](Bench& b) {
    cuda::cast_to_fp8(cuda::Fp8::kE4m3, kElements, b.x.data(), b.sums.data(), b.bytes.data(),
                      b.context);
  });
}

void add_rows(Bench& bench) {
  static constexpr NormShape kNorm{.rows = kTokens, .cols = kHidden};
  add(bench, "layer_norm_forward", 2 * kBf16Tensor, 0, [](Bench& b) {
    cuda::layer_norm_forward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.vector.data(), b.y.data(),
                                   b.context);
  });
  add(bench, "layer_norm_backward", 3 * kBf16Tensor, 0, [](Bench& b) {
    cuda::layer_norm_backward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.y.data(), b.z.data(),
                                    false, b.sums.data(), b.sums.data() + kHidden, b.context);
  });
  add(bench, "rms_norm_forward", 2 * kBf16Tensor, 0, [](Bench& b) {
    cuda::rms_norm_forward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.y.data(), b.context);
  });
  add(bench, "rms_norm_backward", 3 * kBf16Tensor, 0, [](Bench& b) {
    cuda::rms_norm_backward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.y.data(), b.z.data(), false,
                                  b.sums.data(), b.context);
  });
  static constexpr SoftmaxShape kScores{
      .matrices = 2, .queries = kHidden, .keys = kHidden, .scale = 0.1F};
  add(bench, "score_softmax_forward", 2 * kBf16Tensor, 0,
      [](Bench& b) { cuda::softmax_forward<Bf16>(kScores, b.x.data(), b.y.data(), b.context); });
  add(bench, "score_softmax_backward", 3 * kBf16Tensor, 0, [](Bench& b) {
    cuda::softmax_backward<Bf16>(kScores, b.x.data(), b.y.data(), b.z.data(), b.context);
  });
  static constexpr CrossEntropyShape kLoss{.tokens = 1024, .last = 32000};
  add(bench, "cross_entropy_forward", 2 * 2.0 * 1024 * 32000, 0, [](Bench& b) {
    cuda::exp_rows<Bf16, Bf16>(kLoss, 32000, b.x.data(), nullptr, b.tokens.data(), nullptr, nullptr,
                               b.y.data(), b.rows.data(), b.rows.data() + kTokens, b.context);
  });
  add(bench, "cross_entropy_backward", 2 * 2.0 * 1024 * 32000, 0, [](Bench& b) {
    cuda::cross_entropy_gradient<Bf16, Bf16>(kLoss, b.x.data(), b.tokens.data(), b.rows.data(),
                                             1e-3F, b.y.data(), b.context);
  });
  // Rows of 4,096 of a table of 8,192: the gradient's rows are read and written in fp32.
  static constexpr EmbeddingShape kTable{
      .tokens = kTokens, .width = kHidden, .first = 0, .last = 8192};
  add(bench, "embedding_forward", 2 * kBf16Tensor, 0, [](Bench& b) {
    cuda::embedding_forward<Bf16>(kTable, b.tokens.data(), b.x.data(), b.y.data(), false,
                                  b.context);
  });
  add(bench, "embedding_backward", kBf16Tensor + 2 * kFp32Tensor, 0, [](Bench& b) {
    cuda::embedding_backward<Bf16>(kTable, b.tokens.data(), b.x.data(), b.f.data(), b.context);
  });
}

void add_elements(Bench& bench) {
  static constexpr ActivationShape kGelu{Activation::kGeluTanh, kTokens, kHidden};
  add(bench, "gelu_forward", 2 * kBf16Tensor, 0, [](Bench& b) {
    cuda::activation_forward<Bf16>(kGelu, b.x.data(), nullptr, b.y.data(), b.context);
  });
  add(bench, "gelu_backward", 3 * kBf16Tensor, 0, [](Bench& b) {
    cuda::activation_backward<Bf16>(kGelu, b.x.data(), nullptr, b.y.data(), b.z.data(), nullptr,
                                    b.context);
  });
  add(bench, "gelu_backward with bias", 3 * kBf16Tensor, 0, [](Bench& b) {
    cuda::activation_backward<Bf16>(kGelu, b.x.data(), b.vector.data(), b.y.data(), b.z.data(),
                                    b.sums.data(), b.context);
  });
  static constexpr SwigluShape kSwiglu{kTokens, kHidden, 2 * kHidden};
  add(bench, "swiglu_forward", 3 * kBf16Tensor, 0, [](Bench& b) {
    cuda::swiglu_forward<Bf16>(kSwiglu, b.z.data(), b.z.data() + kHidden, b.y.data(), b.context);
  });
  add(bench, "swiglu_backward", 5 * kBf16Tensor, 0, [](Bench& b) {
    cuda::swiglu_backward<Bf16>(kSwiglu, b.z.data(), b.z.data() + kHidden, b.y.data(),
                                b.result.data(), b.result.data() + kHidden, b.context);
  });
  const auto table = std::make_shared<cuda::DeviceRotaryTable>(RotaryTable(kTokens, 128));
  add(bench, "rotary", 2 * kBf16Tensor, 0, [table](Bench& b) {
    cuda::rotary<Bf16>({.sequences = 1,
                        .tokens = kTokens,
                        .heads = kHidden / 128,
                        .head_dim = 128,
                        .stride = kHidden},
                       *table, false, b.x.data(), b.y.data(), b.context);
  });
  add(bench, "residual_dropout_forward", 3 * kBf16Tensor, 0, [](Bench& b) {
    cuda::residual_dropout_forward<Bf16>({.rows = kTokens, .cols = kHidden},
                                         {.probability = 0.1, .seed = 1}, b.x.data(),
                                         b.vector.data(), b.y.data(), b.z.data(), b.context);
  });
  add(bench, "adam", 7 * kFp32Tensor + kBf16Tensor, 0, [](Bench& b) {
    cuda::adam<float, Bf16>({}, {}, kElements, b.f.data(), b.w.data(), b.g.data(), b.h.data(),
                            b.y.data(), b.context);
  });
  add(bench, "sgd", 5 * kFp32Tensor, 0, [](Bench& b) {
    cuda::sgd<float, float>({}, {}, kElements, b.f.data(), b.w.data(), b.g.data(), nullptr,
                            b.context);
  });
  add(bench, "grad_norm", kFp32Tensor, 0, [](Bench& b) {
    cuda::sum_of_squares(kElements, b.f.data(), false, b.sum.data(), b.context);
  });
  add(bench, "quantize", kFp32Tensor + kElements, 0, [](Bench& b) {
    cuda::quantize({.n = kElements}, b.f.data(), reinterpret_cast<std::int8_t*>(b.bytes.data()),
                   b.rows.data(), b.context);
  });
}

void add_products(Bench& bench) {
  // (4096, 4096) (4096, 4096)': a linear layer of that width.
  static constexpr std::int64_t kN = 4096;
  const auto product = [&](const std::string& name, Dtype dtype, Dtype result) {
    add(bench, "gemm " + name, 0, 2.0 * kN * kN * kN, [dtype, result](Bench& b) {
      const bool wide = dtype == Dtype::kFp32 || dtype == Dtype::kTf32;
      const void* const factor = dtype == Dtype::kFp8 ? static_cast<const void*>(b.bytes.data())
                                 : wide               ? static_cast<const void*>(b.f.data())
                                                      : static_cast<const void*>(b.x.data());
      void* const to =
          result == Dtype::kFp32 ? static_cast<void*>(b.g.data()) : static_cast<void*>(b.y.data());
      cuda::gemm({.shape = {.m = kN, .n = kN, .k = kN, .transpose_b = true},
                  .dtype = dtype,
                  .result = result},
                 factor, factor, to, b.context);
    });
  };
  product("fp32", Dtype::kFp32, Dtype::kFp32);
  product("tf32", Dtype::kTf32, Dtype::kFp32);
  product("bf16", Dtype::kBf16, Dtype::kBf16);
  product("bf16 into fp32", Dtype::kBf16, Dtype::kFp32);
  if (bench.context.facts().major >= 9) product("fp8", Dtype::kFp8, Dtype::kBf16);
}

/// 2 sequences of 4,096 tokens, 32 heads of 128: half of the scores of a causal mask are products
/// of two (forward) or five (backward) matrices [Dao 2023, section 4.1].
void add_attention(Bench& bench) {
  static constexpr AttentionShape kShape{.batch = 2,
                                         .heads = 32,
                                         .kv_heads = 32,
                                         .queries = 4096,
                                         .keys = 4096,
                                         .head_dim = 128,
                                         .causal = true,
                                         .scale = 0.088F};
  constexpr double kProduct = 2.0 * 2 * 32 * 4096 * 4096 * 128 / 2;
  const auto view = [](auto* data) {
    return HeadsView<std::remove_pointer_t<decltype(data)>>{data, 4096 * kHidden, kHidden, 128};
  };
  const auto read = [view](const Bf16* data) { return view(data); };
  add(bench, "flash_attention_forward", 0, 2 * kProduct, [=](Bench& b) {
    cuda::attention_forward<Bf16>(kShape, read(b.x.data()), read(b.x.data()), read(b.x.data()),
                                  view(b.y.data()), b.rows.data(), b.context);
  });
  add(bench, "flash_attention_backward", 0, 5 * kProduct, [=](Bench& b) {
    cuda::attention_backward<Bf16>(kShape, read(b.x.data()), read(b.x.data()), read(b.x.data()),
                                   read(b.y.data()), b.rows.data(), read(b.y.data()),
                                   view(b.result.data()), view(b.result.data() + kElements),
                                   view(b.result.data() + 2 * kElements), b.context);
  });
}

}  // namespace
}  // namespace stepcast

int main(int argc, char** argv) {
  if (const std::string why = stepcast::why_no_device(); !why.empty()) {
    std::fprintf(stderr, "no CUDA device: %s\n", why.c_str());
    return 6;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  stepcast::Bench bench;
  stepcast::add_moves(bench);
  stepcast::add_rows(bench);
  stepcast::add_elements(bench);
  stepcast::add_products(bench);
  stepcast::add_attention(bench);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
