// How long one prediction takes in process: all of it, without attribution, again with other costs,
// and with data-parallel replicas kept apart.
#include <benchmark/benchmark.h>

#include "tests/bench/published_runs.h"

namespace stepcast {
namespace {

/// Everything that a simulation starts from.
struct Prepared {
  explicit Prepared(const Scenario& scenario)
      : job(build_programs(scenario)),
        fabric(build_fabric(scenario)),
        costs(cost_models(scenario).front()) {}
  Job job;
  Fabric fabric;
  CostModel costs;
};

const Prepared& gpt3() {
  static const Prepared prepared(gpt3_on_1024());
  return prepared;
}
const Prepared& llama() {
  static const Prepared prepared(llama_on_16384());
  return prepared;
}

void simulate_run(benchmark::State& state, const Prepared& run, const SimulateOptions& options) {
  Simulation result;
  for (auto _ : state) result = simulate(run.job, run.fabric, run.costs, options);
  state.counters["ranks"] = static_cast<double>(result.ranks.size());
  state.counters["flows"] = static_cast<double>(result.flows);
  state.counters["steps"] = static_cast<double>(result.events);
  state.counters["step_time_s"] = result.step_time.value();
}

/// Without times by cause.
SimulateOptions times_only(Folding folding) {
  SimulateOptions options;
  options.folding = folding;
  options.attribute = false;
  return options;
}

/// With prepared programs and fabric, as a fit does it: new costs, the same job.
void rerun(benchmark::State& state, const Prepared& run) {
  const Simulator simulator(run.job, run.fabric);
  for (auto _ : state) benchmark::DoNotOptimize(simulator.step_time(run.costs));
}

void BM_SimulateGpt3On1024(benchmark::State& state) {
  simulate_run(state, gpt3(), times_only(Folding::kFull));
}
BENCHMARK(BM_SimulateGpt3On1024)->Unit(benchmark::kMillisecond);

void BM_RerunGpt3On1024(benchmark::State& state) { rerun(state, gpt3()); }
BENCHMARK(BM_RerunGpt3On1024)->Unit(benchmark::kMillisecond);

void BM_SimulateAndAttributeGpt3On1024(benchmark::State& state) {
  simulate_run(state, gpt3(), SimulateOptions{});
}
BENCHMARK(BM_SimulateAndAttributeGpt3On1024)->Unit(benchmark::kMillisecond);

void BM_SimulateGpt3On1024ReplicasApart(benchmark::State& state) {
  simulate_run(state, gpt3(), times_only(Folding::kKeepReplicas));
}
BENCHMARK(BM_SimulateGpt3On1024ReplicasApart)->Unit(benchmark::kMillisecond);

void BM_SimulateGpt3On1024Unfolded(benchmark::State& state) {
  simulate_run(state, gpt3(), times_only(Folding::kOff));
}
BENCHMARK(BM_SimulateGpt3On1024Unfolded)->Unit(benchmark::kMillisecond);

void BM_SimulateLlamaOn16384(benchmark::State& state) {
  simulate_run(state, llama(), times_only(Folding::kFull));
}
BENCHMARK(BM_SimulateLlamaOn16384)->Unit(benchmark::kMillisecond);

void BM_RerunLlamaOn16384(benchmark::State& state) { rerun(state, llama()); }
BENCHMARK(BM_RerunLlamaOn16384)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace stepcast
