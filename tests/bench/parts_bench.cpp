// The parts of a prediction, on GPT-3 175B on 1,024 GPUs: where its milliseconds go.
#include <benchmark/benchmark.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "sim/engine/channels.h"
#include "sim/engine/flow_solver.h"
#include "sim/engine/op_costs.h"
#include "sim/program/verify.h"
#include "tests/bench/published_runs.h"

namespace stepcast {
namespace {

const Scenario& gpt3() {
  static const Scenario scenario = gpt3_on_1024();
  return scenario;
}
const Job& gpt3_job() {
  static const Job job = build_programs(gpt3());
  return job;
}

void BM_LoadScenario(benchmark::State& state) {
  const Library library = find_library();
  const std::string file = library.root + "/scenarios/gpt3-175b-1024xa100.json";
  for (auto _ : state) benchmark::DoNotOptimize(load_scenario(file, library));
}
BENCHMARK(BM_LoadScenario)->Unit(benchmark::kMillisecond);

void BM_Lower(benchmark::State& state) {
  const Scenario& s = gpt3();
  for (auto _ : state) benchmark::DoNotOptimize(lower(s.model, s.plan, s.training, s.traits));
}
BENCHMARK(BM_Lower)->Unit(benchmark::kMillisecond);

void BM_Verify(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(verify(gpt3_job()));
}
BENCHMARK(BM_Verify)->Unit(benchmark::kMillisecond);

void BM_WalkMemory(benchmark::State& state) {
  for (auto _ : state)
    for (const Program& program : gpt3_job().programs)
      benchmark::DoNotOptimize(walk_memory(program));
}
BENCHMARK(BM_WalkMemory)->Unit(benchmark::kMillisecond);

/// Communicators and neighbours of all ranks in the fabric: geometry.
JobChannels channels_of(const Fabric& fabric) {
  std::vector<ProgramIndex> programs;
  for (const Program& program : gpt3_job().programs) programs.emplace_back(program);
  return find_channels(gpt3_job(), programs, JobOps(gpt3_job()).transfers(), fabric, {});
}

void BM_FindChannels(benchmark::State& state) {
  const Fabric fabric = build_fabric(gpt3());
  for (auto _ : state) benchmark::DoNotOptimize(channels_of(fabric));
}
BENCHMARK(BM_FindChannels)->Unit(benchmark::kMillisecond);

void BM_Fold(benchmark::State& state) {
  const JobChannels channels = channels_of(build_fabric(gpt3()));
  for (auto _ : state) benchmark::DoNotOptimize(fold(channels.graph));
}
BENCHMARK(BM_Fold)->Unit(benchmark::kMillisecond);

/// `flows` messages one after the other on each of eight links, two links apiece.
void run_flows(FlowSolver& solver, std::int64_t flows) {
  const std::vector<double> capacities(8, 1e9);
  solver.reset(capacities);
  std::function<void(std::uint32_t, std::int64_t)> next = [&](std::uint32_t link,
                                                              std::int64_t left) {
    if (left == 0) return;
    const std::array<std::uint32_t, 2> path{link, (link + 1) % 8};
    solver.start(path, 1e6 + link, 0, [&next, link, left] { next(link, left - 1); });
  };
  for (std::uint32_t link = 0; link < 8; ++link) next(link, flows / 8);
  solver.run();
}

void BM_FlowSimgrid(benchmark::State& state) {
  constexpr std::int64_t kFlows = 8000;
  for (auto _ : state) run_flows(simgrid_solver(), kFlows);
  state.SetItemsProcessed(state.iterations() * kFlows);
}
BENCHMARK(BM_FlowSimgrid)->Unit(benchmark::kMillisecond);

void BM_FlowMaxmin(benchmark::State& state) {
  constexpr std::int64_t kFlows = 8000;
  const auto solver = make_maxmin_solver();
  for (auto _ : state) run_flows(*solver, kFlows);
  state.SetItemsProcessed(state.iterations() * kFlows);
}
BENCHMARK(BM_FlowMaxmin)->Unit(benchmark::kMillisecond);

void BM_Predict(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(predict(gpt3()));
}
BENCHMARK(BM_Predict)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace stepcast
