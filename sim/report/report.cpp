// Figures from a simulation: means over ranks, utilisation, money.
#include "sim/report/report.h"

#include <algorithm>
#include <cmath>

#include "sim/scenario/stack_domain.h"

namespace stepcast {
namespace {

/// Of the power limit, drawn by a GPU while kernels run: large GEMMs reach the limit, memory-bound
/// kernels 80 % of it (H200 and B200, long metered loops of published GEMM and attention tables).
constexpr double kBusyPower = 0.9;

/// Mean over all ranks of a quantity that each class reports.
template <typename Get>
Seconds mean_over_ranks(const Simulation& simulation, Get get) {
  double sum = 0, ranks = 0;
  for (const RankReport& rank : simulation.ranks) {
    sum += get(rank).value() * rank.count;
    ranks += rank.count;
  }
  return Seconds(sum / ranks);
}

void sort_shares(std::vector<Share>& shares) {
  std::erase_if(shares, [](const Share& share) { return share.time <= Seconds(0); });
  std::stable_sort(shares.begin(), shares.end(),
                   [](const Share& a, const Share& b) { return a.time > b.time; });
}

std::vector<Share> compute_shares(const Simulation& simulation) {
  std::vector<Share> shares;
  for (const KernelInfo& row : kernel_table()) {
    const Seconds time = mean_over_ranks(simulation, [&](const RankReport& rank) {
      return rank.compute_by_kind.empty()
                 ? Seconds(0)
                 : rank.compute_by_kind[static_cast<std::size_t>(row.kind)];
    });
    const auto same = std::find_if(shares.begin(), shares.end(), [&](const Share& share) {
      return share.name == row.report_class;
    });
    if (same != shares.end())
      same->time += time;
    else
      shares.push_back({std::string(row.report_class), time});
  }
  sort_shares(shares);
  return shares;
}

std::vector<Share> idle_shares(const Simulation& simulation) {
  const auto mean = [&](Seconds TimeByCause::*member) {
    return mean_over_ranks(simulation, [&](const RankReport& rank) { return rank.time.*member; });
  };
  const Seconds transfer = mean(&TimeByCause::transfer_pipeline);
  std::vector<Share> shares = {
      {"tensor-parallel communication", mean(&TimeByCause::wait_tensor)},
      {"data-parallel communication", mean(&TimeByCause::wait_data)},
      {"embedding gradients", mean(&TimeByCause::wait_embedding)},
      {"pipeline transfers", transfer},
      {"pipeline bubble", mean(&TimeByCause::wait_pipeline) - transfer},
      {"waiting for the CPU", mean(&TimeByCause::wait_host)},
      {"waiting for the last rank", mean(&TimeByCause::tail)},
  };
  sort_shares(shares);
  return shares;
}

/// GEMM and attention flops that one rank executes in one step.
Flops executed_flops(const Program& program) {
  std::vector<Flops> of_block(program.blocks.size());
  for (std::size_t b = 0; b < program.blocks.size(); ++b)
    for (const Op& op : program.blocks[b].ops)
      if (const auto* compute = std::get_if<Compute>(&op.what))
        if (info(compute->kernel.kind).family != KernelFamily::kMemoryBound)
          of_block[b] += flops_of(compute->kernel);
  Flops sum;
  for (const Call& call : program.calls) sum += of_block[call.block];
  return sum;
}

Flops executed_flops(const Job& job) {
  std::vector<double> ranks(job.programs.size());
  for (const RankPlace& place : job.ranks) ++ranks[place.program];
  Flops sum;
  for (std::size_t p = 0; p < job.programs.size(); ++p)
    sum += executed_flops(job.programs[p]) * ranks[p];
  return sum;
}

/// Relative one-sigma of the step: parts timed by one profile are off together, profiles apart. The
/// stack's sigma is that of steps with kernels measured on their device; others add their own.
double step_sigma(const Scenario& scenario, const Simulation& simulation) {
  const Seconds network = mean_over_ranks(simulation, [](const RankReport& rank) {
    return rank.time.wait_tensor + rank.time.wait_data + rank.time.wait_embedding +
           rank.time.transfer_pipeline;
  });
  const double share = network / simulation.step_time;
  const double compute = (1 - share) * stack_sigma(scenario);
  const double communication = share * scenario.network_profile.relative_sigma;
  const double kernels =
      mean_over_ranks(simulation, [](const RankReport& rank) { return rank.unmeasured_sigma; }) /
      simulation.step_time;
  return std::sqrt(compute * compute + communication * communication + kernels * kernels);
}

void add_time(const Scenario& scenario, const Simulation& simulation, Report& report) {
  report.step_time = simulation.step_time;
  report.relative_sigma = step_sigma(scenario, simulation);
  const double half_width = kSigmasOf90Percent * report.relative_sigma;
  report.step_time_low = report.step_time * std::max(1 - half_width, 0.0);
  report.step_time_high = report.step_time * (1 + half_width);
  report.warning = beyond_fitted_domain(scenario);
  report.grade =
      worst(simulation.grade, worst(stack_grade(scenario), scenario.network_profile.grade));
}

std::int64_t num_gpus(const Report& report) {
  std::int64_t gpus = 0;
  for (const DeviceUse& device : report.devices) gpus += device.gpus;
  return gpus;
}

void add_speed(const Scenario& scenario, const Job& job, Report& report) {
  const double sequences = static_cast<double>(scenario.training.global_batch_size);
  const double tokens = sequences * static_cast<double>(scenario.training.seq_len);
  const double gpus = static_cast<double>(num_gpus(report));
  FlopsPerSec peak{};
  for (std::uint32_t d = 0; d < report.devices.size(); ++d)
    peak += device_of(scenario, d).peak(scenario.training.precision) *
            static_cast<double>(report.devices[d].gpus);
  const Flops model = training_flops(scenario.model, scenario.training.seq_len,
                                     scenario.training.global_batch_size);
  report.tokens_per_s = tokens / report.step_time.value();
  report.steps_per_trillion_tokens = 1e12 / tokens;
  report.achieved_per_gpu = model / report.step_time / gpus;
  report.model_flops_utilization = (model / report.step_time) / peak;
  report.hardware_flops_utilization = (executed_flops(job) / report.step_time) / peak;
}

std::vector<DeviceUse> device_uses(const Scenario& scenario, const Job& job) {
  std::vector<DeviceUse> devices;
  for (std::uint32_t d = 0; d <= scenario.further_devices.size(); ++d)
    devices.push_back({.name = device_of(scenario, d).name, .gpus = 0, .compute = Seconds(0)});
  const auto gpus = scenario.topology.gpu_of_rank(static_cast<std::int64_t>(job.ranks.size()));
  std::vector<bool> counted(gpus.size());
  for (std::size_t rank = 0; rank < gpus.size(); ++rank)
    if (!counted[gpus[rank]]) {
      counted[gpus[rank]] = true;
      ++devices[job.programs[job.ranks[rank].program].device].gpus;
    }
  return devices;
}

/// Of ranks that share a GPU, times overlap and work adds up.
void add_compute_by_device(const Scenario& scenario, const Job& job, const Simulation& simulation,
                           Report& report) {
  const bool shared = scenario.topology.ranks_per_gpu > 1;
  for (const RankReport& rank : simulation.ranks) {
    DeviceUse& device = report.devices[job.programs[rank.program].device];
    device.compute +=
        (shared ? rank.work : rank.time.compute) * rank.count / static_cast<double>(device.gpus);
  }
}

/// Of a node that the job has a part of, that part, as of its rent.
Watts host_power(const Topology& topology, std::int64_t ranks_left) {
  Watts power{};
  for (const NodeGroup& group : topology.groups_for(ranks_left)) {
    const std::int64_t here = std::min(ranks_left, group.num_nodes * group.node.gpus);
    ranks_left -= here;
    const std::int64_t gpus = topology.gpus_of(group.node);
    // Ranks go round the GPUs of a node, so few of them use all.
    const std::int64_t in_part = std::min(here % group.node.gpus, gpus);
    power += group.node.host_power * (static_cast<double>(here / group.node.gpus) +
                                      static_cast<double>(in_part) / static_cast<double>(gpus));
  }
  return power;
}

void add_money(const Scenario& scenario, Report& report) {
  const Topology& topology = scenario.topology;
  const double gpus = static_cast<double>(num_gpus(report));
  const Watts hosts = host_power(topology, scenario.num_gpus);
  Watts all_gpus{};
  for (std::uint32_t d = 0; d < report.devices.size(); ++d) {
    const Device& device = device_of(scenario, d);
    const double busy = report.devices[d].compute / report.step_time;
    const Watts gpu =
        device.idle_power + (device.power_limit * kBusyPower - device.idle_power) * busy;
    all_gpus += gpu * static_cast<double>(report.devices[d].gpus);
  }
  report.average_power = (all_gpus + hosts) * topology.power_usage_effectiveness;
  report.energy_per_step = report.average_power * report.step_time;
  report.electricity_per_step = topology.electricity_price * report.energy_per_step;
  report.rent_per_step = topology.price_per_gpu_hour * report.step_time * gpus;
}

}  // namespace

StageMemory assess_memory(const Program& program, const StackProfile& stack, Bytes capacity) {
  StageMemory stage;
  stage.name = program.name;
  stage.peak = walk_memory(program);
  const Bytes moving = stage.peak.total - stage.peak.resident_total;
  const double held = static_cast<double>(stage.peak.resident_total.value()) +
                      static_cast<double>(moving.value()) * stack.fragmentation;
  stage.held = Bytes(static_cast<std::int64_t>(held));
  stage.reserved = stage.held + stack.context_memory;
  stage.capacity = capacity;
  const double share = stage.reserved / capacity;
  stage.fit = share > kDoesNotFitFrom ? Fit::kDoesNotFit
              : share > kTightFrom    ? Fit::kTight
                                      : Fit::kFits;
  return stage;
}

Report memory_report(const Scenario& scenario, const Job& job) {
  Report report;
  report.devices = device_uses(scenario, job);
  for (const Program& program : job.programs)
    report.memory.push_back(
        assess_memory(program, scenario.stack, memory_of_rank(scenario, program.device)));
  const auto share = [&](std::size_t s) {
    return report.memory[s].reserved / report.memory[s].capacity;
  };
  for (std::size_t s = 0; s < report.memory.size(); ++s)
    if (share(s) > share(report.fullest_stage)) report.fullest_stage = s;
  report.memory_capacity = report.memory[report.fullest_stage].capacity;
  report.fit = report.memory[report.fullest_stage].fit;
  return report;
}

Report make_report(const Scenario& scenario, const Job& job, const Simulation& simulation) {
  Report report = memory_report(scenario, job);
  add_time(scenario, simulation, report);
  add_compute_by_device(scenario, job, simulation, report);
  add_speed(scenario, job, report);
  report.compute = compute_shares(simulation);
  report.idle = idle_shares(simulation);
  add_money(scenario, report);
  return report;
}

}  // namespace stepcast
