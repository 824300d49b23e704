// The network's clock: start a transfer over links, be called back when it has ended. Bandwidth is
// shared max-min fairly, at every instant, among the transfers that are under way:
//
//   maximise, in lexicographic order from the smallest, the rates x_f
//   subject to   sum over f of w_fl x_f <= C_l   for every link l,    x_f <= b_f
//
// where w_fl is how often f's path names l, C_l the link's capacity and b_f the transfer's own
// bound. A collective is one transfer of this kind ("coupled activity"): its path is the union of
// all its hops, so all hops advance at the pace of the slowest. Links have no latency: whoever
// starts a transfer pays latency before (at()) or through the rate bound.
//
// Two back ends: SimGrid (simgrid_solver.cpp), and a plain max-min solver of our own
// (maxmin_solver.cpp), the oracle of the tests. They agree to 1e-9.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace stepcast {

class FlowSolver {
 public:
  /// Runs at a moment of simulated time; may start transfers, ask for further calls, and throw: the
  /// exception leaves run(), and the solver is fit for the next reset().
  using Callback = std::function<void()>;

  virtual ~FlowSolver() = default;

  /// Begins a new simulation at time zero on links 0 .. capacities.size()-1, each of so many bytes
  /// per second (finite, > 0). Whatever was left of the previous simulation is dropped.
  virtual void reset(std::span<const double> capacities) = 0;

  /// Seconds since the start of this simulation.
  virtual double now() const = 0;

  /// Starts moving `bytes` (finite, >= 0) over `path` now. A link named k times counts k times. The
  /// path is read before the call returns. `rate_bound` in bytes per second; <= 0 is none. With no
  /// bytes, or with neither path nor bound, the transfer ends at once, still through the queue:
  /// `done` is never called from inside start().
  virtual void start(std::span<const std::uint32_t> path, double bytes, double rate_bound,
                     Callback done) = 0;

  /// Calls back at `date` (seconds of this simulation; a date in the past means now).
  virtual void at(double date, Callback callback) = 0;

  /// Runs until no transfer is under way and no call is due. Callbacks of one date run in a fixed
  /// order: those of at() by order of registration, and ends of transfers by order of start.
  virtual void run() = 0;

  /// Transfers started since reset(), for statistics.
  virtual std::uint64_t num_flows() const = 0;
};

/// The SimGrid engine of this process. It exists once, is made at the first call, and is never
/// destroyed; simulations use it one after the other, from one thread.
FlowSolver& simgrid_solver();

/// A solver of our own, in plain progressive filling: about a hundred times slower on large
/// problems.
std::unique_ptr<FlowSolver> make_maxmin_solver();

}  // namespace stepcast
