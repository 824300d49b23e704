// A device profile: measured or fitted kernel times of one GPU (topologies/calibrations/*.json;
// topologies/calibrations/README.md documents the format). Smooth models answer for any shape;
// where a kernel was measured with the very dimensions that are asked for, its point is better.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/base/json_writer.h"
#include "sim/base/quantity.h"
#include "sim/compute/kernels.h"
#include "sim/cost/convolution.h"
#include "sim/cost/measured_kernels.h"

namespace stepcast {

/// How a GPU works through a product: output tiles of a x b in waves over the SMs.
///   work = min over tiles of waves (2 a b (k + k0)) (1 + tile0 (1/a + 1/b - 3/256)) / (e P / SMs)
///   waves = q ceil(w) + (1 - q) max(w, 1),   w = ceil(m/a) ceil(n/b) batch / SMs
/// tile0 charges small tiles for the operands that they load per flop (none for 256 x 128, the
/// largest); q is how hard waves are: 1 where the last one costs as much as a full one, less where
/// the library balances it (stream-K).
struct TileWaves {
  double hardness = 0;  ///< q
  double tile0 = 0;     ///< elements
};

/// GEMM model:
///   t = ((work / (1 + burst))^4 + (bytes / (b BW))^4)^(1/4) + t0
/// with P the datasheet peak of the dtype, BW the datasheet bandwidth, and bytes the m k + k n + m
/// n elements of operands and result at the size of the dtype. Without tile waves
///   work = flops / (e P) (1 + m0/m)(1 + n0/n)(1 + k0/k)
/// and a batch counts as more rows. `burst` is 0 in training. In short benchmarks the chip still
/// runs above the clock that its power limit allows for long: burst = burst_gain / (1 + work /
/// burst_time).
struct GemmModel {
  double efficiency = 0;         ///< e, of peak
  double memory_efficiency = 0;  ///< b, of bandwidth
  double m0 = 0, n0 = 0, k0 = 0;
  std::optional<TileWaves> waves{};
  double burst_gain = 0;
  Seconds burst_time{1e-3};
  Seconds overhead{};           ///< t0
  double wgrad_efficiency = 1;  ///< rate of wgrad (NT, fp32 accumulation) / forward
  double dgrad_efficiency = 1;
  Grade grade = Grade::kAssumed;
  double relative_sigma = 0.1;  ///< error on shapes it was not fitted on
};

/// Fused attention:
///   t = t0 + flops / (e_d P) (1 + s0 / S) max(1, SMs / (B heads ceil(S / 128)))
/// with flops those of the forward pass, e_d by head_dim and S the queries; S of s0 / S is divided
/// by causal_s0_factor when causal (short causal rows pay more).
struct AttentionModel {
  /// Whose kernel it is ("FA2", "FA3", "cuDNN"): on one GPU they differ by twice. Empty: not said.
  std::string implementation{};
  std::vector<std::int64_t> head_dims;  ///< ascending
  std::vector<double> efficiency;       ///< same length; linear in between, nearest outside
  double s0 = 0;
  double causal_s0_factor = 1;
  double backward_over_forward = 2.5;  ///< time per pass, same shape
  Seconds overhead{};
  Grade grade = Grade::kAssumed;
  double relative_sigma = 0.1;
};

/// A memory-bound kernel on its own: a share of the bandwidth, or, where caches make the rate
/// depend on the size, times at ascending sizes. What a time has beyond the profile's
/// memory_overhead follows a power law from each size to the next: as a cache is outgrown, the cost
/// of a byte moves from one level's to the next one's over a ratio of sizes, not over a distance.
/// Below the first size and beyond the last it is in proportion.
struct MemoryKernelModel {
  KernelKind kind{};
  double efficiency = 0;         ///< of datasheet bandwidth; unused where there are times
  std::vector<Bytes> sizes{};    ///< least traffic, as bytes_of() counts it
  std::vector<Seconds> times{};  ///< same length
};

struct DeviceProfile {
  std::string name;                              ///< of the file
  std::string device;                            ///< Device::name it was measured on
  std::vector<std::string> also_for;             ///< devices of the same chip that it may serve
  std::string condition;                         ///< "sustained" or "burst"
  std::array<std::optional<GemmModel>, 5> gemm;  ///< by Dtype
  /// By Dtype, one for each implementation; the first is that of stacks that name none.
  std::array<std::vector<AttentionModel>, 5> attention;
  std::array<std::optional<ConvolutionModel>, 5> convolution;
  double memory_efficiency = 0.8;                 ///< memory-bound kernels, of datasheet bandwidth
  std::vector<MemoryKernelModel> memory_kernels;  ///< where measured one by one; each kind once
  Seconds memory_overhead;                        ///< t0 of a memory-bound kernel
  Grade memory_grade = Grade::kAssumed;
  double memory_relative_sigma = 0.2;
  /// Whose attention and memory-bound kernels the points are of ("stepcast"): implementations
  /// differ by 2 to 3 times, so they count for stacks of that kernel library only. GEMMs are the
  /// vendor's.
  std::string kernel_library;
  MeasuredKernels points;
  /// How it was measured: driver, library versions, clocks, date. For the reader of the file.
  std::vector<std::pair<std::string, std::string>> provenance;
};

/// Whether the profile may be used for a device: its own, or one that it names (also_for). For the
/// latter its fractions of peak are kept, and the cost model grades them as transferred.
bool serves(const DeviceProfile& profile, const std::string& device);

/// The model of the implementation ("": the first), or null where the profile has none of it.
const AttentionModel* find_attention(const DeviceProfile& profile, Dtype dtype,
                                     std::string_view implementation);

/// Reads a profile; mistakes go to `problems`, and the result is to be used only when there are
/// none.
DeviceProfile read_device_profile(JsonValue value, Problems& problems);

/// Writes a profile as read_device_profile() reads it; `source` says where its models come from.
void write_device_profile(JsonWriter& json, const DeviceProfile& profile,
                          const std::string& source);

}  // namespace stepcast
