// FlowSolver in plain progressive filling (Bertsekas and Gallager, Data Networks, 1992,
// section 6.5.2): all rates rise together; whenever a link is full or a bound is met, the transfers
// concerned stand still and the others go on. Everything is computed afresh at every start and end:
// simple, slow, and independent of SimGrid. It is the oracle of the tests.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/engine/flow_solver.h"

namespace stepcast {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

struct Use {
  std::uint32_t link = 0;
  double weight = 0;
};

struct Flow {
  std::vector<Use> uses;  // each link once
  double bytes_left = 0;
  double bound = kNever;
  double rate = 0;
  bool settled = false;  // its rate is final in the present filling
  FlowSolver::Callback done;
};

struct Due {
  double date = 0;
  std::uint64_t order = 0;
  FlowSolver::Callback callback;
  bool operator>(const Due& other) const {
    return date != other.date ? date > other.date : order > other.order;
  }
};

std::vector<Use> count_uses(std::span<const std::uint32_t> path) {
  std::vector<std::uint32_t> links(path.begin(), path.end());
  std::sort(links.begin(), links.end());
  std::vector<Use> uses;
  for (std::uint32_t link : links) {
    if (uses.empty() || uses.back().link != link) uses.push_back({.link = link, .weight = 0});
    uses.back().weight += 1;
  }
  return uses;
}

class MaxminSolver final : public FlowSolver {
 public:
  void reset(std::span<const double> capacities) override;
  double now() const override { return now_; }
  void start(std::span<const std::uint32_t> path, double bytes, double rate_bound,
             Callback done) override;
  void at(double date, Callback callback) override;
  void run() override;
  std::uint64_t num_flows() const override { return num_flows_; }

 private:
  void fill();
  double lowest_level(const std::vector<double>& left, const std::vector<double>& load) const;
  double next_end() const;
  void advance(double date);
  void call_due();
  void end_flows(double date);

  std::vector<double> capacities_;
  std::vector<Flow> flows_;  // by order of start
  std::vector<Due> due_;     // heap, earliest first
  bool changed_ = false;     // rates are out of date
  double now_ = 0;
  std::uint64_t next_order_ = 0;
  std::uint64_t num_flows_ = 0;
};

void MaxminSolver::reset(std::span<const double> capacities) {
  for (double capacity : capacities)
    STEPCAST_CHECK(std::isfinite(capacity) && capacity > 0, "link capacity must be positive");
  *this = MaxminSolver();
  capacities_.assign(capacities.begin(), capacities.end());
}

void MaxminSolver::start(std::span<const std::uint32_t> path, double bytes, double rate_bound,
                         Callback done) {
  STEPCAST_CHECK(std::isfinite(bytes) && bytes >= 0, "bytes of a transfer must be finite");
  STEPCAST_CHECK(std::isfinite(rate_bound), "a rate bound must be finite");
  ++num_flows_;
  if (bytes == 0 || (path.empty() && rate_bound <= 0)) return at(now_, std::move(done));
  Flow flow;
  flow.uses = count_uses(path);
  flow.bytes_left = bytes;
  for (const Use& use : flow.uses)
    STEPCAST_CHECK(use.link < capacities_.size(),
                   "link " + std::to_string(use.link) + " is not in this simulation");
  if (rate_bound > 0) flow.bound = rate_bound;
  flow.done = std::move(done);
  flows_.push_back(std::move(flow));
  changed_ = true;
}

void MaxminSolver::at(double date, Callback callback) {
  STEPCAST_CHECK(std::isfinite(date), "a date must be finite");
  due_.push_back({std::max(date, now_), next_order_++, std::move(callback)});
  std::push_heap(due_.begin(), due_.end(), std::greater<>());
}

/// The rate at which the next link is full or the next bound is met, were all unsettled flows at
/// it.
double MaxminSolver::lowest_level(const std::vector<double>& left,
                                  const std::vector<double>& load) const {
  double level = kNever;
  for (std::size_t link = 0; link < left.size(); ++link)
    if (load[link] > 0) level = std::min(level, left[link] / load[link]);
  for (const Flow& flow : flows_)
    if (!flow.settled) level = std::min(level, flow.bound);
  return level;
}

void MaxminSolver::fill() {
  std::vector<double> left = capacities_;             // capacity not taken by settled flows
  std::vector<double> load(capacities_.size(), 0.0);  // summed weights of the others
  for (Flow& flow : flows_) {
    flow.settled = false;
    for (const Use& use : flow.uses) load[use.link] += use.weight;
  }
  std::size_t unsettled = flows_.size();
  while (unsettled > 0) {
    const double level = lowest_level(left, load);
    STEPCAST_CHECK(std::isfinite(level), "a transfer without links or bound");
    std::vector<char> full(left.size(), 0);
    for (std::size_t link = 0; link < left.size(); ++link)
      full[link] = load[link] > 0 && left[link] <= level * load[link] * (1 + 1e-14);
    for (Flow& flow : flows_) {
      if (flow.settled) continue;
      const bool stopped =
          flow.bound <= level ||
          std::any_of(flow.uses.begin(), flow.uses.end(), [&](Use use) { return full[use.link]; });
      if (!stopped) continue;
      flow.settled = true;
      flow.rate = level;
      --unsettled;
      for (const Use& use : flow.uses) {
        left[use.link] -= use.weight * level;
        load[use.link] -= use.weight;
      }
    }
  }
  changed_ = false;
}

double MaxminSolver::next_end() const {
  double date = kNever;
  for (const Flow& flow : flows_) date = std::min(date, now_ + flow.bytes_left / flow.rate);
  return date;
}

void MaxminSolver::advance(double date) {
  for (Flow& flow : flows_)
    flow.bytes_left = std::max(0.0, flow.bytes_left - flow.rate * (date - now_));
  now_ = date;
}

void MaxminSolver::call_due() {
  const std::uint64_t newest = next_order_;
  while (!due_.empty() && due_.front().date <= now_ && due_.front().order < newest) {
    std::pop_heap(due_.begin(), due_.end(), std::greater<>());
    Callback callback = std::move(due_.back().callback);
    due_.pop_back();
    callback();
  }
}

/// Ends the flows whose last byte passes at `date`, which is now_.
void MaxminSolver::end_flows(double date) {
  std::vector<Callback> ended;
  for (Flow& flow : flows_)
    if (now_ + flow.bytes_left / flow.rate <= date) ended.push_back(std::move(flow.done));
  std::erase_if(flows_,
                [&](const Flow& flow) { return now_ + flow.bytes_left / flow.rate <= date; });
  changed_ = true;
  for (Callback& done : ended) done();
}

void MaxminSolver::run() {
  while (!flows_.empty() || !due_.empty()) {
    if (changed_) fill();
    const double end = next_end();
    const double call = due_.empty() ? kNever : due_.front().date;
    if (call <= end) {
      advance(call);
      call_due();
    } else {
      advance(end);
      end_flows(end);
    }
  }
}

}  // namespace

std::unique_ptr<FlowSolver> make_maxmin_solver() { return std::make_unique<MaxminSolver>(); }

}  // namespace stepcast
