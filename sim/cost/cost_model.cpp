// The formulas of device_profile.h, corrected for the software that runs them (stack_profile.h).
#include "sim/cost/cost_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "sim/base/quantity_text.h"
#include "sim/cost/transfer.h"

namespace stepcast {
namespace {

/// (a^4 + b^4)^(1/4) without pow: the same bits on every machine.
double smooth_max(double a, double b) {
  const double a2 = a * a, b2 = b * b;
  return std::sqrt(std::sqrt(a2 * a2 + b2 * b2));
}

double interpolate(const std::vector<std::int64_t>& xs, const std::vector<double>& ys, double x) {
  if (x <= static_cast<double>(xs.front())) return ys.front();
  for (std::size_t i = 1; i < xs.size(); ++i) {
    const double left = static_cast<double>(xs[i - 1]), right = static_cast<double>(xs[i]);
    if (x <= right) return ys[i - 1] + (ys[i] - ys[i - 1]) * (x - left) / (right - left);
  }
  return ys.back();
}

double rate_factor(const GemmModel& model, KernelKind kind) {
  if (kind == KernelKind::kGemmDgrad) return model.dgrad_efficiency;
  if (kind == KernelKind::kGemmWgrad) return model.wgrad_efficiency;
  return 1.0;
}

[[noreturn]] void cannot_time(const DeviceProfile& profile, const Kernel& kernel,
                              std::string_view lacking) {
  throw Error(
      ErrorKind::kUnsupported,
      "device profile \"" + profile.name + "\" cannot time " + to_text(kernel) + ": it has no " +
          std::string(lacking) + " model for " + std::string(name_of(kernel.dtype)) +
          "; choose another precision, time the scenario's kernels (stepcast profile --for), or "
          "give the profile one (topologies/calibrations/README.md)");
}

struct GemmShape {
  double m, n, k, batch;
};

GemmShape shape_of(const Kernel& kernel) {
  return {.m = static_cast<double>(kernel.dims[0]),
          .n = static_cast<double>(kernel.dims[1]),
          .k = static_cast<double>(kernel.dims[2]),
          .batch = static_cast<double>(std::max<std::int64_t>(kernel.dims[3], 1))};
}

/// Time of all tiles at `rate`, of the tile that suits the shape best; see TileWaves.
double tiled_work(const GemmShape& s, const GemmModel& model, double num_sms, double rate) {
  constexpr std::array<std::array<double, 2>, 6> kTiles{
      {{256, 128}, {128, 256}, {128, 128}, {128, 64}, {64, 128}, {64, 64}}};
  double best = std::numeric_limits<double>::infinity();
  for (const auto& [a, b] : kTiles) {
    const double full = std::ceil(s.m / a) * std::ceil(s.n / b) * s.batch / num_sms;
    const double hard = model.waves->hardness;
    const double waves = hard * std::ceil(full) + (1 - hard) * std::max(full, 1.0);
    const double loads = 1 + model.waves->tile0 * (1 / a + 1 / b - 3.0 / 256);
    best = std::min(best, waves * 2 * a * b * (s.k + model.k0) * loads * num_sms / rate);
  }
  return best;
}

double smooth_work(const GemmShape& s, const GemmModel& model, double rate) {
  // A batch fills the machine as more rows would, but each product has its own edges and k loop.
  const double edges =
      (1 + model.m0 / (s.m * s.batch)) * (1 + model.n0 / s.n) * (1 + model.k0 / s.k);
  return 2 * s.m * s.n * s.k * s.batch / rate * edges;
}

Cost gemm_cost(const Kernel& kernel, const Device& device, const DeviceProfile& profile,
               double efficiency, Condition condition) {
  const auto& found = profile.gemm[static_cast<std::size_t>(kernel.dtype)];
  if (!found || device.peak(kernel.dtype).value() <= 0) cannot_time(profile, kernel, "GEMM");
  const GemmShape s = shape_of(kernel);
  const double rate = device.peak(kernel.dtype).value() * found->efficiency *
                      rate_factor(*found, kernel.kind) * efficiency;
  double work = found->waves ? tiled_work(s, *found, static_cast<double>(device.num_sms), rate)
                             : smooth_work(s, *found, rate);
  if (condition == Condition::kShortBenchmark)
    work /= 1 + found->burst_gain / (1 + work / found->burst_time.value());
  const double traffic = static_cast<double>(size_of(kernel.dtype)) * s.batch *
                         (s.m * s.k + s.n * s.k + s.m * s.n) /
                         (device.memory_bandwidth.value() * found->memory_efficiency);
  return {.time = Seconds(smooth_max(work, traffic)) + found->overhead,
          .grade = found->grade,
          .relative_sigma = found->relative_sigma};
}

/// Attention products of a head dimension that tensor cores can't load in 16-byte pieces fall back
/// to slow kernels (BLOOM's tuning log: head_dim mod 8).
bool misaligned(const Kernel& kernel) {
  if (size_of(kernel.dtype) != 2) return false;
  return kernel.dims[0] % 8 != 0 || kernel.dims[1] % 8 != 0 || kernel.dims[2] % 8 != 0;
}

/// Another implementation's time stands in for one that the profile has no model of: that is as
/// uncertain as another GPU's, and graded so.
Cost standing_in(Cost cost) {
  const double more = transfer_sigma(KernelFamily::kAttention).plain;
  cost.grade = worst(cost.grade, Grade::kTransferred);
  cost.relative_sigma = std::sqrt(cost.relative_sigma * cost.relative_sigma + more * more);
  return cost;
}

Cost attention_cost(const Kernel& kernel, const Device& device, const DeviceProfile& profile,
                    const StackProfile& stack) {
  const AttentionModel* own = find_attention(profile, kernel.dtype, stack.attention_implementation);
  const AttentionModel* found = own ? own : find_attention(profile, kernel.dtype, "");
  if (!found || device.peak(kernel.dtype).value() <= 0)
    cannot_time(profile, kernel, "fused attention");
  const double batch = static_cast<double>(kernel.dims[0]),
               heads = static_cast<double>(kernel.dims[1]),
               length = static_cast<double>(kernel.dims[3]);
  const std::int64_t tiles_per_head = (kernel.dims[3] + 127) / 128;
  const double tiles = batch * heads * static_cast<double>(tiles_per_head);
  const double waves = std::max(1.0, static_cast<double>(device.num_sms) / tiles);
  const double row = kernel.causal ? length / found->causal_s0_factor : length;
  const double rate =
      device.peak(kernel.dtype).value() * stack.attention_efficiency *
      interpolate(found->head_dims, found->efficiency, static_cast<double>(kernel.dims[5]));
  Kernel forward = kernel;
  forward.kind = KernelKind::kFlashAttentionForward;
  const double work = flops_of(forward).value() / rate * (1 + found->s0 / row) * waves;
  const bool backward = kernel.kind == KernelKind::kFlashAttentionBackward;
  const Cost cost{
      .time = (Seconds(work) + found->overhead) * (backward ? found->backward_over_forward : 1.0),
      .grade = found->grade,
      .relative_sigma = found->relative_sigma};
  return own ? cost : standing_in(cost);
}

/// As its products, convolutions are of the vendor's library.
Cost convolution_cost(const Kernel& kernel, const Device& device, const DeviceProfile& profile,
                      const StackProfile& stack) {
  const auto& found = profile.convolution[static_cast<std::size_t>(kernel.dtype)];
  if (!found || device.peak(kernel.dtype).value() <= 0) cannot_time(profile, kernel, "convolution");
  ConvolutionModel model = *found;
  for (double* rate : {&model.forward_efficiency, &model.dgrad_efficiency, &model.wgrad_efficiency})
    *rate *= stack.gemm_efficiency;
  return {.time = time_of(kernel, model, device),
          .grade = model.grade,
          .relative_sigma = model.relative_sigma};
}

/// Bytes that this software moves for the kernel: the minimum of the catalogue, or what the stack's
/// implementation is known to move.
double traffic_of(const Kernel& kernel, const StackProfile& stack) {
  const double elements = static_cast<double>(kernel.dims[0]);
  switch (kernel.kind) {
    case KernelKind::kScoreSoftmaxForward:
      return stack.score_bytes * elements;
    case KernelKind::kScoreSoftmaxBackward:
      return stack.score_bytes * stack.score_backward_ratio * elements;
    case KernelKind::kCrossEntropyForward:
    case KernelKind::kCrossEntropyBackward:
      return stack.logit_bytes * elements * static_cast<double>(kernel.dims[1]);
    default:
      return static_cast<double>(bytes_of(kernel).value());
  }
}

/// A size and what it takes there beyond the overhead.
struct Knot {
  double bytes, seconds;
};

/// The power law through both, by the hyperbola that meets it there and at the geometric mean: they
/// differ by less than 1 % between sizes a factor of 2 apart, for powers up to 2. It needs no
/// logarithm, of which each machine has its own last bits. A straight line from no size or no time.
double between(const Knot& left, const Knot& right, double bytes) {
  const double share = (bytes - left.bytes) / (right.bytes - left.bytes);
  double bend = 1;
  if (left.bytes > 0 && left.seconds > 0)
    bend = std::sqrt(right.bytes * left.seconds / (left.bytes * right.seconds));
  return left.seconds + (right.seconds - left.seconds) * share * bend / (1 + share * (bend - 1));
}

/// Seconds that the model's times say beyond `overhead`; see MemoryKernelModel.
double streaming_time(const MemoryKernelModel& model, double bytes, Seconds overhead) {
  Knot left{0, 0};
  for (std::size_t i = 0; i < model.sizes.size(); ++i) {
    const Knot right{static_cast<double>(model.sizes[i].value()),
                     std::max(model.times[i].value() - overhead.value(), 0.0)};
    if (bytes <= right.bytes) return between(left, right, bytes);
    left = right;
  }
  return left.seconds * bytes / left.bytes;
}

/// Products and convolutions are the vendor library's in every stack; the other kernels are whoever
/// wrote them.
bool same_implementation(const DeviceProfile& profile, const StackProfile& stack,
                         KernelFamily family) {
  if (family != KernelFamily::kAttention && family != KernelFamily::kMemoryBound) return true;
  return !profile.kernel_library.empty() && profile.kernel_library == stack.kernel_library;
}

/// Optimizers' kernels stand in for each other: where one was timed by itself, another one's time
/// by its traffic is carried over.
bool is_carried_over(KernelKind kind, const DeviceProfile& profile) {
  const auto timed_by_itself = [](const MemoryKernelModel& model) {
    return info(model.kind).pass == KernelPass::kUpdate;
  };
  return info(kind).pass == KernelPass::kUpdate &&
         std::ranges::any_of(profile.memory_kernels, timed_by_itself);
}

/// Fails closed for kernels whose traffic does not tell their time.
void require_timeable_by_traffic(const Kernel& kernel, const DeviceProfile& profile) {
  const KernelInfo& row = info(kernel.kind);
  if (!row.work.needs_own_time) return;
  throw Error(
      ErrorKind::kUnsupported,
      "device profile \"" + profile.name + "\" cannot time " + to_text(kernel) +
          ": it did not time " + std::string(row.name) +
          ", whose traffic alone does not tell; measure it with `stepcast profile`, or give "
          "memory.kernels." +
          std::string(row.name) + " (topologies/calibrations/README.md)");
}

Cost memory_cost(const Kernel& kernel, const Device& device, const DeviceProfile& profile,
                 const StackProfile& stack) {
  const auto own = std::find_if(profile.memory_kernels.begin(), profile.memory_kernels.end(),
                                [&](const auto& model) { return model.kind == kernel.kind; });
  if (own == profile.memory_kernels.end()) require_timeable_by_traffic(kernel, profile);
  Cost cost{
      .time = {}, .grade = profile.memory_grade, .relative_sigma = profile.memory_relative_sigma};
  // What the stack is known to move stands in for kernels that were not measured.
  const bool measured = same_implementation(profile, stack, KernelFamily::kMemoryBound);
  const double bytes =
      measured ? static_cast<double>(bytes_of(kernel).value()) : traffic_of(kernel, stack);
  if (own != profile.memory_kernels.end() && !own->times.empty()) {
    const Seconds streaming(streaming_time(*own, bytes, profile.memory_overhead));
    cost.time = streaming / stack.memory_efficiency + profile.memory_overhead;
    return cost;
  }
  if (own == profile.memory_kernels.end() && is_carried_over(kernel.kind, profile))
    cost.grade = worst(cost.grade, Grade::kTransferred);
  const double efficiency =
      own != profile.memory_kernels.end() ? own->efficiency : profile.memory_efficiency;
  const double rate = device.memory_bandwidth.value() * efficiency * stack.memory_efficiency;
  cost.time = Seconds(bytes / rate) + profile.memory_overhead;
  return cost;
}

/// How far the stack's kernels of a family are from those of the profile.
double efficiency_of(KernelFamily family, const StackProfile& stack) {
  switch (family) {
    case KernelFamily::kGemm:
    case KernelFamily::kBatchedGemm:
    case KernelFamily::kConvolution:
      return stack.gemm_efficiency;
    case KernelFamily::kAttention:
      return stack.attention_efficiency;
    case KernelFamily::kMemoryBound:
      return stack.memory_efficiency;
  }
  throw InternalError("unhandled kernel family");
}

/// Waves go over SMs: without any, their number would be infinite or not a number.
void require_sms_for_waves(const Device& device, const DeviceProfile& profile) {
  if (device.num_sms > 0) return;
  for (std::size_t i = 0; i < profile.gemm.size(); ++i)
    if (profile.gemm[i] && profile.gemm[i]->waves)
      throw Error(ErrorKind::kUnsupported,
                  "device profile \"" + profile.name + "\": gemm." +
                      std::string(name_of(static_cast<Dtype>(i))) +
                      ".wave_hardness is of products in waves over SMs, and device " + device.name +
                      " has num_sms = " + std::to_string(device.num_sms) +
                      ": give the device its SMs, or the model m0 and n0 instead of waves");
}

}  // namespace

CostModel::CostModel(Device device, DeviceProfile device_profile, NetworkProfile network,
                     StackProfile stack, Condition condition)
    : device_(std::move(device)),
      device_profile_(std::move(device_profile)),
      network_(for_generation(std::move(network), device_.generation)),
      stack_(std::move(stack)),
      condition_(condition) {
  require_sms_for_waves(device_, device_profile_);
  network_.inter_efficiency *= stack_.network_efficiency;
  network_.ring_step_overhead = std::max(network_.ring_step_overhead, stack_.ring_step_overhead);
  const double most = std::max(stack_.collective_sms, stack_.p2p_sms);
  if (most > 0 && most >= static_cast<double>(device_.num_sms))
    throw Error(ErrorKind::kUnsupported, "stack \"" + stack_.name + "\" lets transfers hold " +
                                             number_text(most) + " SMs, and " + device_.name +
                                             " has " + std::to_string(device_.num_sms) +
                                             ": lower collective_sms and p2p_sms");
}

Cost CostModel::kernel(const Kernel& kernel) const {
  const KernelFamily family = info(kernel.kind).family;
  const MeasuredKernel* point = same_implementation(device_profile_, stack_, family)
                                    ? device_profile_.points.find(kernel)
                                    : nullptr;
  const bool burst = condition_ == Condition::kShortBenchmark && point && point->burst;
  Cost cost =
      point ? Cost{.time = (burst ? *point->burst : point->time) / efficiency_of(family, stack_),
                   .grade = Grade::kMeasured,
                   .relative_sigma = point->relative_sigma}
            : modelled(kernel);
  if (device_.name != device_profile_.device) cost.grade = worst(cost.grade, Grade::kTransferred);
  return cost;
}

Cost CostModel::modelled(const Kernel& kernel) const {
  switch (info(kernel.kind).family) {
    case KernelFamily::kGemm:
      return gemm_cost(kernel, device_, device_profile_, stack_.gemm_efficiency, condition_);
    case KernelFamily::kBatchedGemm: {
      Cost cost = gemm_cost(kernel, device_, device_profile_, stack_.gemm_efficiency, condition_);
      if (misaligned(kernel)) cost.time = cost.time * stack_.misaligned_head_factor;
      return cost;
    }
    case KernelFamily::kAttention:
      return attention_cost(kernel, device_, device_profile_, stack_);
    case KernelFamily::kConvolution:
      return convolution_cost(kernel, device_, device_profile_, stack_);
    case KernelFamily::kMemoryBound:
      return memory_cost(kernel, device_, device_profile_, stack_);
  }
  throw InternalError("unhandled kernel family");
}

Seconds CostModel::issue_compute(const Kernel& kernel) const {
  switch (info(kernel.kind).pass) {
    case KernelPass::kForward:
      return stack_.issue_forward;
    case KernelPass::kBackward:
      return stack_.issue_backward;
    case KernelPass::kUpdate:
      return stack_.issue_update;
  }
  throw InternalError("unhandled kernel pass");
}

double CostModel::sms_left(double taken) const {
  return taken > 0 ? 1 - taken / static_cast<double>(device_.num_sms) : 1.0;
}

double CostModel::rate_beside_collective(KernelFamily family) const {
  if (family == KernelFamily::kMemoryBound) return 1 - stack_.collective_memory_share;
  return sms_left(stack_.collective_sms);
}

double CostModel::rate_beside_p2p(KernelFamily family) const {
  return family == KernelFamily::kMemoryBound ? 1.0 : sms_left(stack_.p2p_sms);
}

Seconds CostModel::issue_collective() const { return stack_.issue_collective; }
Seconds CostModel::issue_p2p() const { return stack_.issue_p2p; }
Seconds CostModel::per_microbatch() const { return stack_.per_microbatch; }
Seconds CostModel::per_step() const { return stack_.per_step; }
Seconds CostModel::per_shard() const { return stack_.per_shard; }

}  // namespace stepcast
