// Prepared rows as a RowModel: each prediction is a simulation, spread over worker processes.
#pragma once

#include <vector>

#include "sim/ledger/fit_parameters.h"
#include "sim/ledger/log_fit.h"
#include "sim/ledger/prepared_row.h"
#include "sim/ledger/worker_pool.h"

namespace stepcast {

/// Profiles with parameters put in. Stack parameters are the same for all rows. A network parameter
/// is given as the value of the reference network; rows on another one have their own value changed
/// in the same proportion.
struct FittedProfiles {
  StackProfile stack;
  NetworkProfile network;
};
FittedProfiles put_in(const std::vector<const FitParameter*>& parameters,
                      const std::vector<double>& values, const Scenario& row,
                      const NetworkProfile& reference);

class PreparedRowModel : public RowModel {
 public:
  /// `rows` and what it holds must outlive the model and not change. The reference network is that
  /// of the first row.
  PreparedRowModel(const std::vector<PreparedRow>& rows,
                   std::vector<const FitParameter*> parameters, WorkerPoolOptions pool)
      : rows_(rows), parameters_(std::move(parameters)), pool_(std::move(pool)) {}

  std::size_t num_rows() const override { return rows_.size(); }
  /// Throws Error(kUnsupported) with the row's name when a worker fails.
  std::vector<std::vector<double>> predict(const std::vector<std::vector<double>>& points) override;

  /// Predictions with the profiles as they are; a row that fails is NaN.
  std::vector<double> predict_unchanged() const;

 private:
  const std::vector<PreparedRow>& rows_;
  std::vector<const FitParameter*> parameters_;
  WorkerPoolOptions pool_;
};

}  // namespace stepcast
