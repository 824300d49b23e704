// What SimGrid knows of the network: two hosts, and a pool of links without latency. A transfer is
// an actor-free Comm between the two hosts, and its route is whatever it was given. So topology and
// routing stay in our own code, and a pool whose capacities are set anew serves one simulation
// after the other.
//
// What must be right for the figures to be exact:
// - Model CM02 without latencies. With a latency on a link, CM02 shares it in proportion to
// 1/latency.
//   Cross-traffic, the TCP window and the correction factors of LV08 are off.
// - Payloads are whole numbers: we count in 2^-20 bytes, so rounding costs less than 5e-7 bytes.
// - Comm::set_rate does nothing on a detached Comm: who wants a bound puts a private link into the
// route.
// - The kernel keeps a plain pointer to the Comm: the owner keeps it until its end has been
// handled.
#pragma once

#include <cstdint>
#include <functional>
#include <simgrid/s4u.hpp>
#include <string>

// SimGrid's smaller headers lean on s4u.hpp.
#include <simgrid/kernel/routing/NetZoneImpl.hpp>

namespace stepcast {

/// A zone whose every route is the list of links that was put there before.
class GivenRouteZone final : public simgrid::kernel::routing::NetZoneImpl {
 public:
  using Links = decltype(simgrid::kernel::routing::Route::link_list_);
  explicit GivenRouteZone(const std::string& name) : NetZoneImpl(name) {}
  void get_local_route(const simgrid::kernel::routing::NetPoint*,
                       const simgrid::kernel::routing::NetPoint*,
                       simgrid::kernel::routing::Route* into, double*) override {
    into->link_list_.insert(into->link_list_.end(), next_route.begin(), next_route.end());
  }
  Links next_route;
};

/// A link of the pool and the capacity it has at the moment, in bytes per second.
struct PoolLink {
  simgrid::s4u::Link* link = nullptr;
  double capacity = 0;
  void set_capacity(double bytes_per_second);
};

/// SimGrid allows one per process, and not to make a second one after the first.
class SimgridPlatform {
 public:
  using Route = GivenRouteZone::Links;

  /// What launch() is given as `tag` comes back in `on_end` when that transfer has ended.
  explicit SimgridPlatform(std::function<void(void* tag)> on_end);
  SimgridPlatform(const SimgridPlatform&) = delete;
  SimgridPlatform& operator=(const SimgridPlatform&) = delete;

  PoolLink add_link(const std::string& name, double capacity);

  /// The most that one transfer can carry.
  static constexpr double kMaxBytes = 4398046511104.0;  // 2^42: the payload stays below 2^62
  /// A transfer that is under way when this returns.
  simgrid::s4u::CommPtr launch(const Route& route, double bytes, void* tag);
  /// Ends a transfer without a call of `on_end`; SimGrid takes note of it in the next run().
  static void cancel(simgrid::s4u::Comm& comm);

  static double clock() { return simgrid::s4u::Engine::get_clock(); }
  /// Sets the clock back to zero, where SimGrid lets us; only while nothing is under way.
  static void rewind_clock();
  /// Until no transfer is under way and no timer set. Throws InternalError when transfers stand
  /// still.
  void run() { engine_.run(); }

 private:
  simgrid::s4u::Engine engine_;
  GivenRouteZone* zone_ = nullptr;  // of the two hosts; SimGrid owns it
  GivenRouteZone* pool_ = nullptr;  // of the links; lives as long as the process
  simgrid::s4u::Host* source_ = nullptr;
  simgrid::s4u::Host* destination_ = nullptr;
};

}  // namespace stepcast
