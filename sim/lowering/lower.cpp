#include "sim/lowering/lower.h"

#include <string>

#include "sim/base/error.h"
#include "sim/lowering/job_layout.h"
#include "sim/lowering/pipeline.h"
#include "sim/lowering/schedules.h"
#include "sim/lowering/stage_layout.h"

namespace stepcast {
namespace {

const Schedule& schedule_of(const Plan& plan) {
  const Schedule& schedule = find_schedule(plan.schedule);
  if (plan.virtual_stages > 1 && !schedule.takes_chunks)
    throw Error(ErrorKind::kUnsupported,
                "plan.schedule = \"" + plan.schedule + "\" runs one model chunk per stage, but " +
                    "plan.virtual_stages = " + std::to_string(plan.virtual_stages) +
                    "; use \"interleaved\"");
  if (plan.virtual_stages > 1 && plan.pp == 1)
    throw Error(ErrorKind::kUnsupported,
                "plan.virtual_stages = " + std::to_string(plan.virtual_stages) +
                    " needs a pipeline: set it to 1, or pp above 1");
  return schedule;
}

/// The parts of the model that go to `stage`: every pp-th.
std::vector<Chunk> chunks_of(const std::vector<Chunk>& parts, std::int64_t stage, std::int64_t pp) {
  std::vector<Chunk> chunks;
  for (auto part = static_cast<std::size_t>(stage); part < parts.size();
       part += static_cast<std::size_t>(pp))
    chunks.push_back(parts[part]);
  return chunks;
}

}  // namespace

Job lower(const Model& model, const Plan& plan, const Training& training, const Traits& traits) {
  const Schedule& schedule = schedule_of(plan);
  const Step step(model, plan, training, traits);
  const std::vector<Chunk> parts = cut_model(model, plan, traits.stage_balance);
  const ModelGraphs graphs(step);
  Job job;
  for (std::int64_t stage = 0; stage < plan.pp; ++stage) {
    const StagePosition at{.stage = static_cast<std::uint32_t>(stage),
                           .stages = static_cast<std::uint32_t>(plan.pp),
                           .chunks = static_cast<std::uint32_t>(plan.virtual_stages),
                           .microbatches = step.microbatches};
    PipelineStage pipeline(step, graphs, chunks_of(parts, stage, plan.pp), at);
    job.programs.push_back(std::move(pipeline).lower(schedule.actions(at)));
    job.programs.back().timing_only = step.why_timing_only();
  }
  place_ranks(job, model, plan);
  return job;
}

}  // namespace stepcast
