#include "sim/ledger/log_fit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

constexpr double kDifference = 0.02;  ///< step of the numeric Jacobian, in ln x
constexpr int kMaxSteps = 30;
constexpr int kMaxRefitSteps = 5;
constexpr int kMaxDerivatives = 2;   ///< Jacobians differenced after the first
constexpr double kConverged = 1e-3;  ///< relative gain of a step
constexpr double kLeastMove = 1e-5;  ///< in ln x
constexpr double kMostDamping = 1e6;
/// The median of |r| of a normal distribution is sigma / 1.4826.
constexpr double kSigmaOverMedian = 1.4826;

std::vector<double> exponentials(const Eigen::VectorXd& u) {
  std::vector<double> values(static_cast<std::size_t>(u.size()));
  for (Eigen::Index j = 0; j < u.size(); ++j) values[static_cast<std::size_t>(j)] = std::exp(u[j]);
  return values;
}

Eigen::VectorXd logarithms(const std::vector<double>& values) {
  Eigen::VectorXd u(static_cast<Eigen::Index>(values.size()));
  for (std::size_t j = 0; j < values.size(); ++j)
    u[static_cast<Eigen::Index>(j)] = std::log(values[j]);
  return u;
}

void check_priors(const std::vector<Prior>& priors) {
  for (const Prior& prior : priors)
    if (!(prior.centre > 0 && prior.lower > 0 && prior.lower <= prior.centre &&
          prior.centre <= prior.upper && prior.sigma > 0))
      throw Error(ErrorKind::kInput, "parameter " + prior.name + " starts at " +
                                         std::to_string(prior.centre) + ", which must be within " +
                                         std::to_string(prior.lower) + " .. " +
                                         std::to_string(prior.upper) + " to be fitted");
}

class Fitter {
 public:
  Fitter(RowModel& model, const std::vector<Prior>& priors, const FitData& data)
      : model_(model),
        rows_(static_cast<Eigen::Index>(model.num_rows())),
        parameters_(static_cast<Eigen::Index>(priors.size())),
        centre_(parameters_),
        precision_(parameters_),
        lower_(parameters_),
        upper_(parameters_),
        measured_(logarithms(data.measured)),
        weights_(Eigen::VectorXd::Ones(rows_)),
        noise_(data.noise) {
    check_priors(priors);
    STEPCAST_CHECK(measured_.size() == rows_, "as many measurements as rows");
    for (Eigen::Index j = 0; j < parameters_; ++j) {
      const Prior& prior = priors[static_cast<std::size_t>(j)];
      centre_[j] = std::log(prior.centre);
      lower_[j] = std::log(prior.lower);
      upper_[j] = std::log(prior.upper);
      precision_[j] = 1 / (prior.sigma * prior.sigma);
    }
    for (std::size_t i = 0; i < data.weights.size(); ++i)
      weights_[static_cast<Eigen::Index>(i)] = data.weights[i];
    if (rows_ == 0 || weights_.sum() <= 0)
      throw Error(ErrorKind::kUnsupported, "no row is left to fit to");
  }

  FitResult fit() {
    u_ = centre_;
    log_predicted_ = predict(u_);
    differentiate();
    descend(kMaxSteps, kMaxDerivatives);
    return result();
  }

  FitResult refit(const FitPoint& start) {
    u_ = logarithms(start.values);
    log_predicted_ = logarithms(start.predicted);
    jacobian_.resize(rows_, parameters_);
    for (Eigen::Index i = 0; i < rows_; ++i)
      for (Eigen::Index j = 0; j < parameters_; ++j)
        jacobian_(i, j) = start.jacobian[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
    descend(kMaxRefitSteps, 0);
    return result();
  }

 private:
  std::vector<Eigen::VectorXd> predict(const std::vector<Eigen::VectorXd>& us) {
    std::vector<std::vector<double>> points;
    for (const Eigen::VectorXd& u : us) points.push_back(exponentials(u));
    std::vector<Eigen::VectorXd> logs;
    for (const std::vector<double>& times : model_.predict(points)) {
      for (const double time : times)
        if (!(std::isfinite(time) && time > 0))
          throw Error(ErrorKind::kUnsupported, "a row could not be predicted while fitting");
      logs.push_back(logarithms(times));
    }
    return logs;
  }
  Eigen::VectorXd predict(const Eigen::VectorXd& u) { return predict(std::vector{u}).front(); }

  void differentiate() {
    std::vector<Eigen::VectorXd> us(static_cast<std::size_t>(parameters_), u_);
    std::vector<double> steps;
    for (Eigen::Index j = 0; j < parameters_; ++j) {
      steps.push_back(u_[j] + kDifference <= upper_[j] ? kDifference : -kDifference);
      us[static_cast<std::size_t>(j)][j] += steps.back();
    }
    const std::vector<Eigen::VectorXd> logs = predict(us);
    jacobian_.resize(rows_, parameters_);
    for (Eigen::Index j = 0; j < parameters_; ++j)
      jacobian_.col(j) =
          (logs[static_cast<std::size_t>(j)] - log_predicted_) / steps[static_cast<std::size_t>(j)];
    fresh_ = true;
  }

  double cost(const Eigen::VectorXd& u, const Eigen::VectorXd& log_predicted) const {
    const Eigen::ArrayXd z = ((log_predicted - measured_).array() / noise_).square();
    return (weights_.array() * 2 * ((1 + z).sqrt() - 1)).sum() +
           (precision_.array() * (u - centre_).array().square()).sum();
  }

  /// Weights of the quadratic that touches the robust loss here, over the noise's variance.
  Eigen::VectorXd effective_weights(double noise) const {
    const Eigen::ArrayXd z = ((log_predicted_ - measured_).array() / noise).square();
    return (weights_.array() / (1 + z).sqrt() / (noise * noise)).matrix();
  }

  /// The damped step, with parameters frozen that stand at a bound and are pushed out of it.
  Eigen::VectorXd step(double damping) const {
    const Eigen::VectorXd w = effective_weights(noise_);
    const Eigen::VectorXd gradient =
        jacobian_.transpose() * w.cwiseProduct(log_predicted_ - measured_) +
        precision_.cwiseProduct(u_ - centre_);
    Eigen::MatrixXd normal = jacobian_.transpose() * w.asDiagonal() * jacobian_;
    normal.diagonal() += precision_;
    normal.diagonal() *= 1 + damping;
    Eigen::VectorXd target = -gradient;
    for (Eigen::Index j = 0; j < parameters_; ++j) {
      const bool pushed_out =
          (u_[j] <= lower_[j] && gradient[j] > 0) || (u_[j] >= upper_[j] && gradient[j] < 0);
      if (!pushed_out) continue;
      normal.row(j).setZero();
      normal.col(j).setZero();
      normal(j, j) = 1;
      target[j] = 0;
    }
    return normal.ldlt().solve(target);
  }

  /// Levenberg-Marquardt until a step gains next to nothing. A step that fails or gains little on a
  /// learnt Jacobian is no verdict: the Jacobian is differenced anew, as often as `derivatives`
  /// allows.
  void descend(int max_steps, int derivatives) {
    double damping = 1e-3;
    double here = cost(u_, log_predicted_);
    while (steps_ < max_steps && damping < kMostDamping) {
      ++steps_;
      const Eigen::VectorXd u = (u_ + step(damping)).cwiseMax(lower_).cwiseMin(upper_);
      if ((u - u_).norm() < kLeastMove) return;
      const Eigen::VectorXd log_predicted = predict(u);
      const double gain = here - cost(u, log_predicted);
      const bool was_fresh = fresh_;
      if (gain > 0 || !was_fresh) learn(u - u_, log_predicted);
      if (gain > 0) {
        u_ = u;
        log_predicted_ = log_predicted;
        here -= gain;
      }
      damping *= gain > 0 ? 0.3 : 5;
      if (gain > kConverged * here) continue;
      if (gain > 0 && (was_fresh || derivatives == 0)) return;
      if (!was_fresh && derivatives-- > 0) differentiate();
    }
  }

  /// Broyden's update: the Jacobian that explains this move and differs least from the old one.
  void learn(const Eigen::VectorXd& moved, const Eigen::VectorXd& log_predicted) {
    const Eigen::VectorXd surprise = log_predicted - log_predicted_ - jacobian_ * moved;
    jacobian_ += surprise * moved.transpose() / moved.squaredNorm();
    fresh_ = false;
  }

  FitResult result() const {
    FitResult result;
    result.at.values = exponentials(u_);
    result.at.predicted = exponentials(log_predicted_);
    for (Eigen::Index i = 0; i < rows_; ++i) {
      const Eigen::VectorXd row = jacobian_.row(i);
      result.at.jacobian.emplace_back(row.data(), row.data() + row.size());
    }
    Eigen::MatrixXd normal =
        jacobian_.transpose() * effective_weights(residual_noise()).asDiagonal() * jacobian_;
    normal.diagonal() += precision_;
    const Eigen::VectorXd variance =
        normal.ldlt().solve(Eigen::MatrixXd::Identity(parameters_, parameters_)).diagonal();
    for (Eigen::Index j = 0; j < parameters_; ++j) result.sigma.push_back(std::sqrt(variance[j]));
    result.steps = steps_;
    return result;
  }

  /// The noise that was assumed, or that of the residuals when they show more.
  double residual_noise() const {
    std::vector<double> absolute;
    for (Eigen::Index i = 0; i < rows_; ++i)
      if (weights_[i] > 0) absolute.push_back(std::abs(log_predicted_[i] - measured_[i]));
    return std::max(noise_, kSigmaOverMedian * median(absolute));
  }

  RowModel& model_;
  Eigen::Index rows_, parameters_;
  Eigen::VectorXd centre_, precision_, lower_, upper_;  ///< of u
  Eigen::VectorXd measured_;                            ///< ln
  Eigen::VectorXd weights_;
  double noise_;
  Eigen::VectorXd u_, log_predicted_;
  Eigen::MatrixXd jacobian_;
  bool fresh_ = false;  ///< the Jacobian was made by differences at u_
  int steps_ = 0;
};

}  // namespace

FitResult fit_logs(RowModel& model, const std::vector<Prior>& priors, const FitData& data) {
  return Fitter(model, priors, data).fit();
}

FitResult refit_logs(RowModel& model, const std::vector<Prior>& priors, const FitData& data,
                     const FitPoint& start) {
  return Fitter(model, priors, data).refit(start);
}

}  // namespace stepcast
