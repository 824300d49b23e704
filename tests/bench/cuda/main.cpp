// Rates of the kernels for GPUs, timed by events on the device, beside the driver's copy, cuBLASLt
// and cuDNN: cases.h.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <exception>
#include <string>

#include "kernels/cuda/check.h"
#include "tests/bench/cuda/cases.h"

namespace stepcast::bench {
namespace {

void run_all() {
  Bench bench;
  benchmark::AddCustomContext("device", device_name(0));
  benchmark::AddCustomContext("copy_bytes_per_second", std::to_string(bench.copy_rate));
  add_moves(bench);
  add_rows(bench);
  add_elements(bench);
  add_updates(bench);
  add_images(bench);
  add_products(bench);
  add_attention(bench);
  add_unfused_attention(bench);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::ClearRegisteredBenchmarks();  // with what they hold of the device
}

}  // namespace
}  // namespace stepcast::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (const std::string why = stepcast::why_no_device(); !why.empty()) {
    std::fprintf(stderr, "no CUDA device: %s\n", why.c_str());
    return 6;
  }
  try {
    stepcast::bench::run_all();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 6;
  }
  return 0;
}
