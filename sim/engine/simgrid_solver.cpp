// FlowSolver on SimGrid 3.32 (its version 4 differs where SIMGRID_VERSION_MAJOR is asked for).
//
// SimGrid sees two hosts and a pool of links without latency; a transfer is an actor-free Comm
// between the two, and its route is whatever start() was given: the zone class below hands it out.
// So topology and routing stay in our own code, and a pool that is re-purposed with set_bandwidth()
// serves one simulation after the other. What must be right for the figures to be exact:
//
// - Model CM02 without latencies. With a latency on a link, CM02 shares it in proportion to
// 1/latency.
//   Cross-traffic, the TCP window and the correction factors of LV08 are off.
// - Payloads are whole numbers: we count in 2^-20 bytes, so rounding costs less than 5e-7 bytes.
// - Comm::set_rate does nothing on a detached Comm: a bound is a private link at the end of the
// path.
// - The kernel keeps a plain pointer to the Comm: ours must live until its end has been handled.
// - Timers of one date come in no order one could rely on: one timer, re-armed, serves our own
// queue.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <deque>
#include <functional>
#include <simgrid/s4u.hpp>
#include <string>
#include <utility>
#include <vector>

// SimGrid's smaller headers lean on s4u.hpp.
#include <simgrid/version.h>
#include <xbt/log.h>

#include <simgrid/kernel/Timer.hpp>
#include <simgrid/kernel/routing/NetPoint.hpp>
#include <simgrid/kernel/routing/NetZoneImpl.hpp>

#include "sim/base/error.h"
#include "sim/engine/flow_solver.h"

namespace stepcast {
namespace {

namespace sg = simgrid::s4u;
using simgrid::kernel::routing::NetPoint;
using simgrid::kernel::routing::NetZoneImpl;
using simgrid::kernel::routing::Route;
using simgrid::kernel::timer::Timer;
using LinkList = decltype(Route::link_list_);

constexpr double kUnitsPerByte = 1048576.0;        // 2^20
constexpr double kBytesPerComm = 4398046511104.0;  // 2^42: the payload stays below 2^62

/// A zone whose every route is the list of links that was put there before.
class GivenRouteZone final : public NetZoneImpl {
 public:
  explicit GivenRouteZone(const std::string& name) : NetZoneImpl(name) {}
  void get_local_route(const NetPoint*, const NetPoint*, Route* into, double*) override {
    into->link_list_.insert(into->link_list_.end(), next_route.begin(), next_route.end());
  }
  LinkList next_route;
};

/// Sets SimGrid's clock back to zero; only while nothing is under way. The clock would go on from
/// one simulation to the next, and the last bits of a result would depend on what was simulated
/// before. It has no setter, so the variable is looked up by its name; where a version of SimGrid
/// has it no more, the clock goes on and those bits are lost, no more than that.
void rewind_clock() {
  static auto* const clock = static_cast<double*>(
      dlsym(RTLD_DEFAULT, "_ZN7simgrid6kernel10EngineImpl4now_E"));  // EngineImpl::now_
  if (clock != nullptr && *clock == sg::Engine::get_clock()) *clock = 0;
}

/// SimGrid's engine takes over Ctrl-C and crash signals; this gives them back.
class KeptSignals {
 public:
  KeptSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &kept_[i]);
  }
  ~KeptSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &kept_[i], nullptr);
  }
  KeptSignals(const KeptSignals&) = delete;
  KeptSignals& operator=(const KeptSignals&) = delete;

 private:
  static constexpr std::array<int, 3> kSignals{SIGINT, SIGSEGV, SIGBUS};
  std::array<struct sigaction, 3> kept_{};
};

class SimgridSolver final : public FlowSolver {
 public:
  SimgridSolver();
  void reset(std::span<const double> capacities) override;
  double now() const override { return now_; }
  void start(std::span<const std::uint32_t> path, double bytes, double rate_bound,
             Callback done) override;
  void at(double date, Callback callback) override;
  void run() override;
  std::uint64_t num_flows() const override { return num_flows_; }

 private:
  /// A link of the pool and the capacity it has at the moment.
  struct PoolLink {
    sg::Link* link = nullptr;
    double capacity = 0;
  };
  /// A transfer under way. Slots are reused; SimGrid carries a pointer to one in Comm's data.
  struct Flow {
    sg::CommPtr comm;
    Callback done;
    LinkList route;  // kept only while parts of the transfer are still to come
    double bytes_to_come = 0;
    std::uint64_t order = 0;
    std::int32_t limiter = -1;
    bool dropped = false;  // of a simulation that was abandoned
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

  PoolLink make_link(const std::string& name, double capacity);
  static void set_capacity(PoolLink& link, double capacity);
  std::int32_t take_limiter(double bound);
  Flow& take_slot();
  void launch(Flow& flow, double bytes);
  void ended(Flow& flow);
  void free(Flow& flow);
  void enqueue(double clock, double date, std::uint64_t order, Callback callback);
  void arm();
  void call_due();
  void drop_everything();

  sg::Engine engine_;
  GivenRouteZone* zone_ = nullptr;  // of the two hosts
  GivenRouteZone* pool_ = nullptr;  // of the links; lives as long as the process
  sg::Host* source_ = nullptr;
  sg::Host* destination_ = nullptr;
  std::size_t num_links_ = 0;  // of the present simulation
  std::vector<PoolLink> links_;
  std::vector<PoolLink> limiters_;
  std::vector<std::int32_t> free_limiters_;
  std::deque<Flow> slots_;  // never shrinks, so that addresses hold
  std::vector<Flow*> free_slots_;
  std::vector<sg::CommPtr> graveyard_;
  std::vector<Due> due_;  // heap, earliest first
  Timer* timer_ = nullptr;
  double timer_clock_ = 0;
  double base_ = 0;  // SimGrid's clock when this simulation began
  double now_ = 0;
  std::uint64_t next_order_ = 0;
  std::uint64_t num_flows_ = 0;
  std::uint64_t live_ = 0;
};

/// Our own argv: the user's options are none of SimGrid's business.
sg::Engine exact_engine() {
  xbt_log_control_set("root.thres:critical");
  return sg::Engine("stepcast");
}

SimgridSolver::SimgridSolver() : engine_(exact_engine()) {
  for (const char* option :
       {"network/model:CM02", "network/crosstraffic:0", "network/TCP-gamma:1e30",
        "network/bandwidth-factor:1", "network/latency-factor:1", "network/weight-S:0",
        "surf/precision:1e-12", "maxmin/precision:1e-9"})
    sg::Engine::set_config(option);
#if SIMGRID_VERSION_MAJOR >= 4
  auto* root = engine_.get_netzone_root();
#else
  auto* root = sg::create_full_zone("root");
#endif
  zone_ = new GivenRouteZone("network");  // SimGrid owns it
  zone_->get_iface()->set_parent(root);
  source_ = zone_->get_iface()->create_host("from", 1e9)->seal();
  destination_ = zone_->get_iface()->create_host("to", 1e9)->seal();
  // The first run() seals the root zone and all below; a zone apart stays open for more links.
  pool_ = new GivenRouteZone("pool");
  pool_->set_network_model(zone_->get_network_model());
  const auto hear_end = [this](const auto& activity) {
    if (auto* flow = activity.template get_data<Flow>()) ended(*flow);
  };
#if SIMGRID_VERSION_MAJOR >= 4
  sg::Comm::on_completion_cb(hear_end);
#else
  sg::Activity::on_completion_cb(hear_end);
#endif
  sg::Engine::on_deadlock_cb(
      [] { throw InternalError("the network simulation stands still with transfers under way"); });
}

SimgridSolver::PoolLink SimgridSolver::make_link(const std::string& name, double capacity) {
  sg::Link* link = pool_->create_link(name, {capacity * kUnitsPerByte});
  return {.link = link->set_latency(0)->seal(), .capacity = capacity};
}

void SimgridSolver::set_capacity(PoolLink& link, double capacity) {
  if (link.capacity == capacity) return;
  link.link->set_bandwidth(capacity * kUnitsPerByte);
  link.capacity = capacity;
}

void SimgridSolver::reset(std::span<const double> capacities) {
  drop_everything();
  for (double capacity : capacities)
    STEPCAST_CHECK(std::isfinite(capacity) && capacity > 0, "link capacity must be positive");
  for (std::size_t i = 0; i < capacities.size(); ++i) {
    if (i == links_.size()) links_.push_back(make_link("link" + std::to_string(i), capacities[i]));
    set_capacity(links_[i], capacities[i]);
  }
  num_links_ = capacities.size();
  rewind_clock();
  base_ = sg::Engine::get_clock();
  now_ = 0;
  next_order_ = 0;
  num_flows_ = 0;
}

void SimgridSolver::drop_everything() {
  due_.clear();
  if (timer_ != nullptr) timer_->remove();
  timer_ = nullptr;
  graveyard_.clear();
  if (live_ == 0) return;
  for (Flow& flow : slots_) {
    if (flow.comm == nullptr) continue;
    flow.comm->set_data(nullptr);  // so that its end, which comes more than once, is not ours
    flow.comm->cancel();
    free(flow);
    flow.done = nullptr;
  }
  engine_.run();  // SimGrid takes note of the cancelled transfers; no time passes
  graveyard_.clear();
}

/// Puts the slot and its limiter back; SimGrid may still look at the Comm.
void SimgridSolver::free(Flow& flow) {
  --live_;
  graveyard_.push_back(std::exchange(flow.comm, nullptr));
  if (flow.limiter >= 0) free_limiters_.push_back(flow.limiter);
  free_slots_.push_back(&flow);
}

std::int32_t SimgridSolver::take_limiter(double bound) {
  if (free_limiters_.empty()) {
    free_limiters_.push_back(static_cast<std::int32_t>(limiters_.size()));
    limiters_.push_back(make_link("bound" + std::to_string(limiters_.size()), bound));
  }
  const std::int32_t index = free_limiters_.back();
  free_limiters_.pop_back();
  set_capacity(limiters_[static_cast<std::size_t>(index)], bound);
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
  ++num_flows_;
  const std::uint64_t order = next_order_++;
  if (bytes == 0 || (path.empty() && rate_bound <= 0)) {
    enqueue(sg::Engine::get_clock(), now_, order, std::move(done));
    return;
  }
  Flow& flow = take_slot();
  flow.done = std::move(done);
  flow.order = order;
  flow.route.clear();
  for (std::uint32_t link : path) {
    STEPCAST_CHECK(link < num_links_,
                   "link " + std::to_string(link) + " is not in this simulation");
    flow.route.push_back(links_[link].link->get_impl());
  }
  flow.limiter = rate_bound > 0 ? take_limiter(rate_bound) : -1;
  if (flow.limiter >= 0)
    flow.route.push_back(limiters_[static_cast<std::size_t>(flow.limiter)].link->get_impl());
  launch(flow, bytes);
}

void SimgridSolver::launch(Flow& flow, double bytes) {
  const double now_bytes = std::min(bytes, kBytesPerComm);
  flow.bytes_to_come = bytes - now_bytes;
  const double units = std::max(1.0, std::floor(now_bytes * kUnitsPerByte + 0.5));
  zone_->next_route = flow.route;
  flow.comm = sg::Comm::sendto_init();
  flow.comm->set_data(&flow);
  flow.comm->set_payload_size(static_cast<std::uint64_t>(units));
  flow.comm->set_source(source_);
  ++live_;
  flow.comm->set_destination(destination_);  // asks the zone for the route, and is under way
}

void SimgridSolver::ended(Flow& flow) {
  if (flow.bytes_to_come > 0) {
    --live_;
    graveyard_.push_back(std::exchange(flow.comm, nullptr));
    launch(flow, flow.bytes_to_come);
    return;
  }
  free(flow);
  const double clock = sg::Engine::get_clock();
  // Through the queue, so that transfers that end together are called in order of their start.
  enqueue(clock, std::max(now_, clock - base_), flow.order, std::exchange(flow.done, nullptr));
}

void SimgridSolver::at(double date, Callback callback) {
  STEPCAST_CHECK(std::isfinite(date), "a date must be finite");
  date = std::max(date, now_);
  enqueue(std::max(base_ + date, sg::Engine::get_clock()), date, next_order_++,
          std::move(callback));
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
  const double clock = sg::Engine::get_clock();
  const std::uint64_t newest = next_order_;
  while (!due_.empty() && due_.front().clock <= clock && due_.front().order < newest) {
    std::pop_heap(due_.begin(), due_.end(), std::greater<>());
    Due due = std::move(due_.back());
    due_.pop_back();
    now_ = std::max(now_, due.date);
    due.callback();
  }
  arm();
}

void SimgridSolver::run() {
  engine_.run();
  STEPCAST_CHECK(live_ == 0 && due_.empty(), "the network simulation ended with work left");
}

}  // namespace

FlowSolver& simgrid_solver() {
  static SimgridSolver* const solver = [] {
    KeptSignals kept;
    return new SimgridSolver;
  }();
  return *solver;
}

}  // namespace stepcast
