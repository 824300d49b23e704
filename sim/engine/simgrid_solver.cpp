// FlowSolver on SimGrid. simgrid_platform.h says how SimGrid is set up; here are the transfers of a
// simulation and the calls that are due. Timers of one date come in no order one could rely on, so
// one timer of SimGrid's, re-armed, serves a queue of our own.
#include <algorithm>
#include <cmath>
#include <deque>
#include <exception>
#include <functional>
#include <simgrid/kernel/Timer.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/engine/flow_solver.h"
#include "sim/engine/simgrid_platform.h"

namespace stepcast {
namespace {

using simgrid::kernel::timer::Timer;

class SimgridSolver final : public FlowSolver {
 public:
  SimgridSolver() : platform_([this](void* flow) { ended(*static_cast<Flow*>(flow)); }) {}
  void reset(std::span<const double> capacities) override;
  double now() const override { return now_; }
  void start(std::span<const std::uint32_t> path, double bytes, double rate_bound,
             Callback done) override;
  void at(double date, Callback callback) override;
  void run() override;
  std::uint64_t num_flows() const override { return num_flows_; }

 private:
  /// A transfer under way. Slots are reused; SimGrid carries a pointer to one.
  struct Flow {
    simgrid::s4u::CommPtr comm;
    Callback done;
    SimgridPlatform::Route route;
    double bytes_to_come = 0;  // beyond what one Comm carries
    std::uint64_t order = 0;
    std::int32_t limiter = -1;
  };
  /// A call that is due at `clock` (SimGrid's clock; `date` is the same in this simulation's time).
  struct Due {
    double clock = 0;
    double date = 0;
    std::uint64_t order = 0;
    Callback callback;
    bool operator>(const Due& other) const {
      return clock != other.clock ? clock > other.clock : order > other.order;
    }
  };

  std::int32_t take_limiter(double bound);
  Flow& take_slot();
  void launch(Flow& flow, double bytes);
  void ended(Flow& flow);
  void free(Flow& flow);
  void enqueue(double clock, double date, std::uint64_t order, Callback callback);
  void arm();
  void call_due();
  void abandon();

  SimgridPlatform platform_;
  std::size_t num_links_ = 0;  // of the present simulation
  std::vector<PoolLink> links_;
  std::vector<PoolLink> limiters_;
  std::vector<std::int32_t> free_limiters_;
  std::deque<Flow> slots_;  // never shrinks, so that addresses hold
  std::vector<Flow*> free_slots_;
  std::vector<simgrid::s4u::CommPtr> graveyard_;  // ended, but SimGrid may still look at them
  std::vector<Due> due_;                          // heap, earliest first
  Timer* timer_ = nullptr;
  double timer_clock_ = 0;
  double base_ = 0;  // SimGrid's clock when this simulation began
  double now_ = 0;
  std::uint64_t next_order_ = 0;
  std::uint64_t num_flows_ = 0;
  std::uint64_t live_ = 0;
  std::exception_ptr failure_;  // thrown by a callback, on its way out of run()
};

void SimgridSolver::reset(std::span<const double> capacities) {
  for (double capacity : capacities)
    STEPCAST_CHECK(std::isfinite(capacity) && capacity > 0, "link capacity must be positive");
  const bool cancelled = live_ > 0;
  abandon();
  if (cancelled) platform_.run();  // no time passes
  graveyard_.clear();
  for (std::size_t i = 0; i < capacities.size(); ++i) {
    if (i == links_.size())
      links_.push_back(platform_.add_link("link" + std::to_string(i), capacities[i]));
    links_[i].set_capacity(capacities[i]);
  }
  num_links_ = capacities.size();
  SimgridPlatform::rewind_clock();
  base_ = SimgridPlatform::clock();
  now_ = 0;
  next_order_ = 0;
  num_flows_ = 0;
}

/// Drops all calls and transfers.
void SimgridSolver::abandon() {
  due_.clear();
  if (timer_ != nullptr) timer_->remove();
  timer_ = nullptr;
  for (Flow& flow : slots_) {
    if (flow.comm == nullptr) continue;
    SimgridPlatform::cancel(*flow.comm);
    flow.done = nullptr;
    free(flow);
  }
}

std::int32_t SimgridSolver::take_limiter(double bound) {
  if (free_limiters_.empty()) {
    free_limiters_.push_back(static_cast<std::int32_t>(limiters_.size()));
    limiters_.push_back(platform_.add_link("bound" + std::to_string(limiters_.size()), bound));
  }
  const std::int32_t index = free_limiters_.back();
  free_limiters_.pop_back();
  limiters_[static_cast<std::size_t>(index)].set_capacity(bound);
  return index;
}

SimgridSolver::Flow& SimgridSolver::take_slot() {
  if (free_slots_.empty()) free_slots_.push_back(&slots_.emplace_back());
  Flow* slot = free_slots_.back();
  free_slots_.pop_back();
  return *slot;
}

void SimgridSolver::start(std::span<const std::uint32_t> path, double bytes, double rate_bound,
                          Callback done) {
  STEPCAST_CHECK(std::isfinite(bytes) && bytes >= 0, "bytes of a transfer must be finite");
  STEPCAST_CHECK(std::isfinite(rate_bound), "a rate bound must be finite");
  for (std::uint32_t link : path)
    STEPCAST_CHECK(link < num_links_,
                   "link " + std::to_string(link) + " is not in this simulation");
  ++num_flows_;
  const std::uint64_t order = next_order_++;
  if (bytes == 0 || (path.empty() && rate_bound <= 0)) {
    enqueue(SimgridPlatform::clock(), now_, order, std::move(done));
    return;
  }
  Flow& flow = take_slot();
  flow.done = std::move(done);
  flow.order = order;
  flow.route.clear();
  for (std::uint32_t link : path) flow.route.push_back(links_[link].link->get_impl());
  flow.limiter = rate_bound > 0 ? take_limiter(rate_bound) : -1;
  if (flow.limiter >= 0)
    flow.route.push_back(limiters_[static_cast<std::size_t>(flow.limiter)].link->get_impl());
  ++live_;
  launch(flow, bytes);
}

void SimgridSolver::launch(Flow& flow, double bytes) {
  const double part = std::min(bytes, SimgridPlatform::kMaxBytes);
  flow.bytes_to_come = bytes - part;
  flow.comm = platform_.launch(flow.route, part, &flow);
}

void SimgridSolver::ended(Flow& flow) {
  if (flow.bytes_to_come > 0) {
    graveyard_.push_back(std::move(flow.comm));
    launch(flow, flow.bytes_to_come);
    return;
  }
  free(flow);
  const double clock = SimgridPlatform::clock();
  // Through the queue, so that transfers that end together are called in order of their start.
  enqueue(clock, std::max(now_, clock - base_), flow.order, std::exchange(flow.done, nullptr));
}

void SimgridSolver::free(Flow& flow) {
  --live_;
  graveyard_.push_back(std::exchange(flow.comm, nullptr));
  if (flow.limiter >= 0) free_limiters_.push_back(flow.limiter);
  free_slots_.push_back(&flow);
}

void SimgridSolver::at(double date, Callback callback) {
  STEPCAST_CHECK(std::isfinite(date), "a date must be finite");
  date = std::max(date, now_);
  const double clock = std::max(base_ + date, SimgridPlatform::clock());
  enqueue(clock, date, next_order_++, std::move(callback));
}

void SimgridSolver::enqueue(double clock, double date, std::uint64_t order, Callback callback) {
  due_.push_back({.clock = clock, .date = date, .order = order, .callback = std::move(callback)});
  std::push_heap(due_.begin(), due_.end(), std::greater<>());
  arm();
}

void SimgridSolver::arm() {
  if (due_.empty()) return;
  const double clock = due_.front().clock;
  if (timer_ != nullptr) {
    if (timer_clock_ <= clock) return;
    timer_->remove();
  }
  timer_clock_ = clock;
  timer_ = Timer::set(clock, [this] { call_due(); });
}

void SimgridSolver::call_due() {
  timer_ = nullptr;
  graveyard_.clear();  // their ends were handled before this timer came
  const double clock = SimgridPlatform::clock();
  const std::uint64_t newest = next_order_;
  try {
    while (!due_.empty() && due_.front().clock <= clock && due_.front().order < newest) {
      std::pop_heap(due_.begin(), due_.end(), std::greater<>());
      const Due due = std::move(due_.back());
      due_.pop_back();
      now_ = std::max(now_, due.date);
      due.callback();
    }
    arm();
  } catch (...) {  // not through SimGrid, which would be left in the middle of its work
    failure_ = std::current_exception();
    abandon();
  }
}

void SimgridSolver::run() {
  platform_.run();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  STEPCAST_CHECK(live_ == 0 && due_.empty(), "the network simulation ended with work left");
}

}  // namespace

FlowSolver& simgrid_solver() {
  static FlowSolver* const solver = new SimgridSolver;
  return *solver;
}

}  // namespace stepcast
