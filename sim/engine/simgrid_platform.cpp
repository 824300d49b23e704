#include "sim/engine/simgrid_platform.h"

#include <dlfcn.h>
#include <simgrid/version.h>
#include <xbt/log.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <utility>

#include "sim/base/error.h"

namespace stepcast {
namespace {

namespace sg = simgrid::s4u;

constexpr double kUnitsPerByte = 1048576.0;  // 2^20

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

/// By name and not by argc and argv: the user's options are none of SimGrid's business.
sg::Engine quiet_engine() {
  const KeptSignals kept;
  xbt_log_control_set("root.thres:critical");
  return sg::Engine("stepcast");
}

}  // namespace

void PoolLink::set_capacity(double bytes_per_second) {
  if (capacity == bytes_per_second) return;
  link->set_bandwidth(bytes_per_second * kUnitsPerByte);
  capacity = bytes_per_second;
}

SimgridPlatform::SimgridPlatform(std::function<void(void* tag)> on_end) : engine_(quiet_engine()) {
  const KeptSignals kept;
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
  zone_ = new GivenRouteZone("network");
  zone_->get_iface()->set_parent(root);
  source_ = zone_->get_iface()->create_host("from", 1e9)->seal();
  destination_ = zone_->get_iface()->create_host("to", 1e9)->seal();
  // The first run() seals the root zone and all below; a zone apart stays open for more links.
  pool_ = new GivenRouteZone("pool");
  pool_->set_network_model(zone_->get_network_model());
  const auto hear_end = [on_end = std::move(on_end)](const auto& activity) {
    if (void* tag = activity.template get_data<void>()) on_end(tag);
  };
#if SIMGRID_VERSION_MAJOR >= 4
  sg::Comm::on_completion_cb(hear_end);
#else
  sg::Activity::on_completion_cb(hear_end);
#endif
  sg::Engine::on_deadlock_cb(
      [] { throw InternalError("the network simulation stands still with transfers under way"); });
}

PoolLink SimgridPlatform::add_link(const std::string& name, double capacity) {
  sg::Link* link = pool_->create_link(name, {capacity * kUnitsPerByte});
  return {.link = link->set_latency(0)->seal(), .capacity = capacity};
}

sg::CommPtr SimgridPlatform::launch(const Route& route, double bytes, void* tag) {
  const double units = std::max(1.0, std::floor(bytes * kUnitsPerByte + 0.5));
  zone_->next_route = route;
  sg::CommPtr comm = sg::Comm::sendto_init();
  comm->set_data(tag);
  comm->set_payload_size(static_cast<std::uint64_t>(units));
  comm->set_source(source_);
  comm->set_destination(destination_);  // asks the zone for the route, and is under way
  return comm;
}

void SimgridPlatform::cancel(sg::Comm& comm) {
  comm.set_data(nullptr);  // its end would come, and more than once
  comm.cancel();
}

// The clock would go on from one simulation to the next, and the last bits of a result would depend
// on what was simulated before. It has no setter, so the variable is looked up by its name; where a
// version of SimGrid has it no more, the clock goes on and those bits are lost, no more than that.
void SimgridPlatform::rewind_clock() {
  static auto* const now = static_cast<double*>(
      dlsym(RTLD_DEFAULT, "_ZN7simgrid6kernel10EngineImpl4now_E"));  // EngineImpl::now_
  if (now != nullptr && *now == clock()) *now = 0;
}

}  // namespace stepcast
