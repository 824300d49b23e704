// Fits positive parameters to measured times: least squares of ln(predicted / measured), in the
// logarithm of the parameters, made robust, and held together by priors.
//
// With u = ln x, r_i = ln(predicted_i / measured_i), noise s, weights w_i and priors N(u0_j,
// sigma_j):
//
//   minimise  sum_i w_i rho(r_i^2 / s^2) + sum_j (u_j - u0_j)^2 / sigma_j^2,   rho(z) = 2 (sqrt(1 +
//   z) - 1)
//
// rho is the soft-L1 loss: quadratic near zero, linear for outliers. Steps are
// Levenberg-Marquardt's (Madsen, Nielsen, Tingleff 2004), with rho by iterated reweighting, bounds
// by clamping and freezing, and the Jacobian by differences at first, then kept up with Broyden's
// update, because predictions are dear.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace stepcast {

/// What is fitted: anything that predicts the rows for given parameters.
class RowModel {
 public:
  virtual ~RowModel() = default;
  virtual std::size_t num_rows() const = 0;
  /// Predicted seconds, by point and then by row. A point gives each parameter its value, in order.
  virtual std::vector<std::vector<double>> predict(
      const std::vector<std::vector<double>>& points) = 0;
};

/// A parameter and what is known of it beforehand.
struct Prior {
  std::string name;
  double centre = 1;   ///< > 0
  double sigma = 0.3;  ///< one standard deviation of the logarithm
  double lower = 0;    ///< > 0, at most centre
  double upper = 0;
};

struct FitData {
  std::vector<double> measured;  ///< by row, seconds
  std::vector<double> weights;   ///< by row; 0 leaves a row out. Empty: all 1
  double noise = 0.05;           ///< s: what a right model would still be off by, relative
};

/// Where a fit stands; also a start for another one close by.
struct FitPoint {
  std::vector<double> values;                 ///< by parameter
  std::vector<double> predicted;              ///< by row
  std::vector<std::vector<double>> jacobian;  ///< d ln predicted / d ln x, by row and parameter
};

struct FitResult {
  FitPoint at;
  std::vector<double> sigma;  ///< by parameter: posterior standard deviation of the logarithm
  int steps = 0;
};

/// Starts at the priors' centres. Throws Error(kInput) for a prior that isn't positive and within
/// its bounds, Error(kUnsupported) when no row has weight or a prediction is not a positive number.
FitResult fit_logs(RowModel& model, const std::vector<Prior>& priors, const FitData& data);

/// Starts from a finished fit of nearly the same data and trusts its Jacobian: a few predictions
/// instead of one per parameter. For leaving rows out.
FitResult refit_logs(RowModel& model, const std::vector<Prior>& priors, const FitData& data,
                     const FitPoint& start);

}  // namespace stepcast
