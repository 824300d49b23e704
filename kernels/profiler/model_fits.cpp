#include "kernels/profiler/model_fits.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "kernels/profiler/kernel_fit.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

using Timed = std::vector<TimedKernel>;

std::size_t count(const Timed& timed, KernelKind kind) {
  return static_cast<std::size_t>(std::count_if(
      timed.begin(), timed.end(), [&](const auto& one) { return one.kernel.kind == kind; }));
}

}  // namespace

AttentionModel fit_attention_model(const Device& device, const Timed& timed, Dtype dtype) {
  std::set<std::int64_t> dims;
  bool causal = false;
  for (const TimedKernel& one : timed) {
    dims.insert(one.kernel.dims[5]);
    causal = causal || one.kernel.causal;
  }
  const auto model_of = [&](const std::vector<double>& x) {
    return AttentionModel{.head_dims = {dims.begin(), dims.end()},
                          .efficiency = {x.begin() + 4, x.end()},
                          .s0 = x[0],
                          .causal_s0_factor = x[1],
                          .backward_over_forward = x[2],
                          .overhead = Seconds(x[3])};
  };
  const bool backward = count(timed, KernelKind::kFlashAttentionBackward) > 0;
  std::vector<Prior> priors = {
      {.name = "s0", .centre = 100, .sigma = 1.5, .lower = 0.01, .upper = 5000},
      {.name = "causal_s0_factor",
       .centre = 3,
       .sigma = causal ? 0.5 : 1e-6,
       .lower = 1,
       .upper = 20},
      {.name = "backward_over_forward",
       .centre = 2.5,
       .sigma = backward ? 0.5 : 1e-6,
       .lower = 1,
       .upper = 10},
      {.name = "overhead", .centre = 3e-6, .sigma = 1.5, .lower = 1e-8, .upper = 1e-3}};
  for (const std::int64_t dim : dims)
    priors.push_back({.name = "efficiency " + std::to_string(dim),
                      .centre = 0.4,
                      .sigma = 0.8,
                      .lower = 0.001,
                      .upper = 1});
  return model_of(
      fit_kernels(device, timed, priors, [&](DeviceProfile& profile, const auto& values) {
        profile.attention[static_cast<std::size_t>(dtype)] = {model_of(values)};
      }));
}

ConvolutionModel fit_convolution_model(const Device& device, const Timed& timed, Dtype dtype) {
  const auto model_of = [&](const std::vector<double>& x) {
    return ConvolutionModel{.forward_efficiency = x[0],
                            .dgrad_efficiency = x[0] * x[1],
                            .wgrad_efficiency = x[0] * x[2],
                            .memory_efficiency = x[3],
                            .channels0 = x[4],
                            .positions0 = x[5],
                            .winograd_gain = x[6],
                            .overhead = Seconds(x[7])};
  };
  const auto sigma_of = [&](KernelKind kind) { return count(timed, kind) > 0 ? 0.5 : 1e-6; };
  // Wider than the priors of the shipped profiles (tools/fit_device_profiles.py), which are of
  // GPUs.
  const std::vector<Prior> priors = {
      {.name = "efficiency", .centre = 0.5, .sigma = 1, .lower = 1e-3, .upper = 1.5},
      {.name = "dgrad / forward",
       .centre = 1,
       .sigma = sigma_of(KernelKind::kConvolutionDgrad),
       .lower = 0.05,
       .upper = 1.3},
      {.name = "wgrad / forward",
       .centre = 1,
       .sigma = sigma_of(KernelKind::kConvolutionWgrad),
       .lower = 0.05,
       .upper = 1.3},
      {.name = "memory_efficiency", .centre = 0.6, .sigma = 0.7, .lower = 1e-3, .upper = 1.5},
      {.name = "channels0", .centre = 20, .sigma = 1.5, .lower = 1e-3, .upper = 1e4},
      {.name = "positions0", .centre = 1000, .sigma = 2, .lower = 1e-3, .upper = 1e6},
      {.name = "winograd_gain", .centre = 1.5, .sigma = 0.4, .lower = 1, .upper = 4},
      {.name = "overhead", .centre = 3e-6, .sigma = 1.5, .lower = 1e-8, .upper = 1e-3}};
  return model_of(
      fit_kernels(device, timed, priors, [&](DeviceProfile& profile, const auto& values) {
        profile.convolution[static_cast<std::size_t>(dtype)] = model_of(values);
      }));
}

MemoryKernelModel fit_memory_kernel_model(const Timed& timed) {
  std::vector<std::pair<double, double>> measured;  // bytes, seconds
  for (const TimedKernel& one : timed)
    measured.emplace_back(static_cast<double>(bytes_of(one.kernel).value()), one.time.value());
  std::sort(measured.begin(), measured.end());
  struct Knot {
    double bytes = 0, seconds = 0, weight = 0;
  };
  std::vector<Knot> knots;
  for (std::size_t begin = 0; begin < measured.size();) {
    std::size_t end = begin;
    std::vector<double> sizes, times;
    for (; end < measured.size() && measured[end].first <= 1.05 * measured[begin].first; ++end)
      sizes.push_back(measured[end].first), times.push_back(measured[end].second);
    knots.push_back({mean(sizes), median(times), static_cast<double>(times.size())});
    begin = end;
    // A larger kernel that took no longer is noise: both count as one in the middle.
    while (knots.size() > 1 && knots.back().seconds <= knots[knots.size() - 2].seconds) {
      const Knot last = knots.back();
      knots.pop_back();
      Knot& pooled = knots.back();
      const double weight = pooled.weight + last.weight;
      pooled.bytes = (pooled.bytes * pooled.weight + last.bytes * last.weight) / weight;
      pooled.seconds = (pooled.seconds * pooled.weight + last.seconds * last.weight) / weight;
      pooled.weight = weight;
    }
  }
  MemoryKernelModel model{.kind = timed.front().kernel.kind};
  for (const Knot& knot : knots) {
    model.sizes.push_back(Bytes(static_cast<std::int64_t>(knot.bytes)));
    model.times.push_back(Seconds(knot.seconds));
  }
  return model;
}

void set_memory_kernel_model(DeviceProfile& profile, MemoryKernelModel model) {
  for (MemoryKernelModel& old : profile.memory_kernels)
    if (old.kind == model.kind) {
      old = std::move(model);
      return;
    }
  profile.memory_kernels.push_back(std::move(model));
}

void set_memory_defaults(const Device& device, const Timed& timed, DeviceProfile& profile) {
  double largest = 0, least_time = std::numeric_limits<double>::infinity();
  for (const TimedKernel& one : timed) {
    largest = std::max(largest, static_cast<double>(bytes_of(one.kernel).value()));
    least_time = std::min(least_time, one.time.value());
  }
  std::vector<double> shares;
  for (const TimedKernel& one : timed) {
    const double bytes = static_cast<double>(bytes_of(one.kernel).value());
    if (bytes >= largest / 8)
      shares.push_back(bytes / one.time.value() / device.memory_bandwidth.value());
  }
  profile.memory_efficiency = std::clamp(median(shares), 1e-3, 1.5);
  // The smallest kernel moves little: its time is what any kernel takes at the least.
  profile.memory_overhead = Seconds(least_time / 2);
}

}  // namespace stepcast
