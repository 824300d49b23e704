#include "tests/bench/cuda/cudnn_attention.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "sim/base/error.h"

namespace stepcast::bench {
namespace {

struct Device {
  const char* name;
  int capability, multiprocessors, shared_memory, second_cache;  ///< bytes of a block and of L2
};
/// [CUDA C++ Programming Guide 13.0, table 30; A100, H200 and B200 datasheets.]
constexpr Device kDevices[] = {{"A100", 800, 108, 166912, 40 << 20},
                               {"H200", 900, 132, 232448, 60 << 20},
                               {"B200", 1000, 148, 232448, 126 << 20}};

CudnnDescriptor properties(const Device& device) {
  const auto field = [](const char* name, std::int64_t value) {
    return std::string(",\"") + name + "\":" + std::to_string(value);
  };
  return properties_from_json(
      R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64])" +
      field("regsPerBlock", 65536) + field("multiProcessorCount", device.multiprocessors) +
      field("warpSize", 32) + field("maxSharedMemoryPerBlock", 49152) +
      field("maxSharedMemoryPerBlockOptin", device.shared_memory) +
      field("reservedSharedMemoryPerBlock", 1024) + field("maxRegistersPerSM", 65536) +
      field("maxCtasPerSM", 32) + field("maxThreadsPerBlock", 1024) +
      field("maxThreadsPerSM", 2048) + field("pciDeviceId", 0) + field("isTccDriver", 0) +
      field("supportCoopLaunch", 1) + field("totalGlobalMem", std::int64_t{80} << 30) +
      field("smClockRateKHz", 1500000) + field("memClockRateKHz", 2500000) +
      field("l2CacheSize", device.second_cache) + field("cudaDeviceId", 0) +
      field("deviceVer", device.capability) + field("driverVer", 13000) + ",\"deviceName\":\"" +
      device.name + "\"}");
}

/// cuDNN looks for the driver's library before it names an engine, though it asks it nothing then:
/// where there is no driver, the toolkit's stand-in of the same name will do.
bool driver_is_loaded() {
  return dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) != nullptr ||
         dlopen(STEPCAST_CUDA_DRIVER_STUB, RTLD_NOW | RTLD_GLOBAL) != nullptr;
}

void PrintTo(const Device& device, std::ostream* out) { *out << device.name; }

using Parameters = std::tuple<Device, int, int, int>;  ///< heads of keys, head_dim, tokens

class CudnnAttentionGraph : public testing::TestWithParam<Parameters> {};

AttentionShape shape_of(const Parameters& parameters) {
  const auto& [device, kv_heads, head_dim, tokens] = parameters;
  return {.batch = 2,
          .heads = 32,
          .kv_heads = kv_heads,
          .queries = tokens,
          .keys = tokens,
          .head_dim = head_dim,
          .causal = true,
          .scale = 0.125F};
}

TEST_P(CudnnAttentionGraph, IsKnownToCudnnForwardAndBackward) {
  if (!driver_is_loaded()) GTEST_SKIP() << "neither a driver nor the toolkit's stand-in of it";
  const AttentionShape shape = shape_of(GetParam());
  EXPECT_GT(attention_forward_graph(shape, {}).choose(properties(std::get<0>(GetParam()))), 0);
  EXPECT_GT(attention_backward_graph(shape, {}).choose(properties(std::get<0>(GetParam()))), 0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudnnAttentionGraph,
                         testing::Combine(testing::ValuesIn(kDevices), testing::Values(32, 8),
                                          testing::Values(64, 128), testing::Values(2048, 8192)),
                         [](const auto& shape) {
                           return std::string(std::get<0>(shape.param).name) + "KeysOf" +
                                  std::to_string(std::get<1>(shape.param)) + "HeadsOf" +
                                  std::to_string(std::get<2>(shape.param)) + "Tokens" +
                                  std::to_string(std::get<3>(shape.param));
                         });

TEST(CudnnGraph, SaysInCudnnsWordsWhatItRefuses) {
  if (!driver_is_loaded()) GTEST_SKIP() << "neither a driver nor the toolkit's stand-in of it";
  // Seven columns of the first operand meet eight rows of the second.
  CudnnGraph graph;
  const auto matrix = [&](const char* name, std::int64_t rows, std::int64_t cols) {
    return graph.memory(name, {1, 1, rows, cols}, {rows * cols, rows * cols, cols, 1},
                        CUDNN_DATA_BFLOAT16, nullptr);
  };
  const auto a = matrix("a", 16, 7), b = matrix("b", 8, 16), c = matrix("c", 16, 16);
  try {
    graph.matmul(a, b, c);
    (void)graph.choose(properties(kDevices[1]));
    FAIL() << "cuDNN takes operands that do not fit";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("cuDNN refused: "), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("CUDNN_STATUS_"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace stepcast::bench
