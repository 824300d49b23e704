// Timed collectives as a RowModel: predicted by network profiles that parameters are set in.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/ledger/collective_parameters.h"
#include "sim/ledger/collective_samples.h"
#include "sim/ledger/log_fit.h"

namespace stepcast {

/// Profiles by name and generation of GPUs, filled for it.
using ProfilesByUse = std::map<std::pair<std::string, std::string>, NetworkProfile>;

class CollectiveModel : public RowModel {
 public:
  /// Samples and parameters must outlive the model; every sample's network and generation must be
  /// in `bases`.
  CollectiveModel(std::vector<const CollectiveSample*> samples,
                  const std::vector<CollectiveParameter>& parameters, ProfilesByUse bases)
      : samples_(std::move(samples)), parameters_(parameters), bases_(std::move(bases)) {}

  std::size_t num_rows() const override { return samples_.size(); }
  std::vector<std::vector<double>> predict(const std::vector<std::vector<double>>& points) override;

 private:
  std::vector<const CollectiveSample*> samples_;
  const std::vector<CollectiveParameter>& parameters_;
  ProfilesByUse bases_;
};

std::vector<Prior> priors_of(const std::vector<CollectiveParameter>& parameters);

}  // namespace stepcast
