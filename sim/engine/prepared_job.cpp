#include "sim/engine/prepared_job.h"

#include <utility>

#include "sim/base/error.h"

namespace stepcast {
namespace {

std::vector<ProgramIndex> index_programs(const Job& job) {
  std::vector<ProgramIndex> result;
  result.reserve(job.programs.size());
  for (const Program& program : job.programs) result.emplace_back(program);
  return result;
}

const Job& checked(const Job& job, const Fabric& fabric, const SimulateOptions& options) {
  STEPCAST_CHECK(options.slowdown.empty() || options.slowdown.size() == job.ranks.size(),
                 "one slowdown per rank");
  STEPCAST_CHECK(options.start.empty() || options.start.size() == job.ranks.size(),
                 "one start per rank");
  STEPCAST_CHECK(options.processor.empty() || (options.processor.size() == job.ranks.size() &&
                                               options.folding == Folding::kOff),
                 "one processor per rank, and nothing folded");
  STEPCAST_CHECK(static_cast<std::int64_t>(job.ranks.size()) <= fabric.num_gpus(),
                 "more ranks than GPUs in the fabric");
  return job;
}

}  // namespace

PreparedJob::PreparedJob(const Job& the_job, const Fabric& the_fabric, SimulateOptions the_options,
                         bool allow_closed_form)
    : job(checked(the_job, the_fabric, the_options)),
      fabric(the_fabric),
      options(std::move(the_options)),
      programs(index_programs(job)),
      ops(job),
      channels(find_channels(job, programs, ops.transfers(), fabric, options)),
      folded(channels, job, programs, fabric,
             allow_closed_form && options.fidelity == Fidelity::kFluid) {}

}  // namespace stepcast
