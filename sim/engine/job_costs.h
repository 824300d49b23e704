// The cost models of a job: one for all of it, or several where jobs of their own share a cluster.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/cost/cost_model.h"
#include "sim/engine/collective_flows.h"

namespace stepcast {

/// Keeps pointers to the models.
class JobCosts {
 public:
  /// The same costs everywhere: wherever a JobCosts is asked for, a CostModel will do.
  // NOLINTNEXTLINE(google-explicit-constructor)
  JobCosts(const CostModel& all) : models_{&all} {}
  /// `of_program`: index into `models` by program of the job.
  JobCosts(std::vector<const CostModel*> models, std::vector<std::uint32_t> of_program)
      : models_(std::move(models)), of_program_(std::move(of_program)) {
    STEPCAST_CHECK(!models_.empty(), "no cost model");
  }

  const std::vector<const CostModel*>& models() const { return models_; }
  std::uint32_t model_of(std::uint32_t program) const {
    return of_program_.empty() ? 0 : of_program_[program];
  }
  const CostModel& of(std::uint32_t program) const { return *models_[model_of(program)]; }

  /// Bytes per second: as much as any of the models gets out of the link. A job whose software gets
  /// less is held back by the rate bounds of its own transfers.
  double capacity(const Link& link) const {
    double most = 0;
    for (const CostModel* model : models_)
      most = std::max(most, effective_capacity(link, model->network()));
    return most;
  }

 private:
  std::vector<const CostModel*> models_;
  std::vector<std::uint32_t> of_program_;  // empty: all the first
};

}  // namespace stepcast
