#include "kernels/gpu_profiler/gpu_watch.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

/// So close to the temperature at which it slows down, a GPU is there soon under load.
constexpr double kMarginC = 5;
/// Asking for processes takes about a millisecond.
constexpr double kProcessesEvery = 1.0;

std::string whole(double value) { return std::to_string(std::lround(value)); }

std::string text_of(const GpuProcess& process) {
  std::string text = "pid " + std::to_string(process.pid);
  if (process.bytes) text += " with " + whole(static_cast<double>(*process.bytes) / 1e6) + " MB";
  return text;
}

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::kUnsupported, name + " " + what);
}

void require_cool(const SensorReadings& state, const std::string& name) {
  const std::string at =
      state.temperature_c ? "is at " + whole(*state.temperature_c) + " C" : std::string("is hot");
  if (state.limits && state.limits->heat)
    refuse(name, at + " and slowed down by heat; let it cool down, look after its cooling, and run "
                      "this again");
  if (state.temperature_c && state.slowdown_temperature_c &&
      *state.temperature_c > *state.slowdown_temperature_c - kMarginC)
    refuse(name, at + ", and slows down at " + whole(*state.slowdown_temperature_c) +
                     " C; let it cool down, and run this again");
}

}  // namespace

void require_undisturbed(const GpuSensors& sensors, const std::string& name) {
  const SensorReadings state = sensors.state();
  require_cool(state, name);
  if (state.limits && state.limits->power_supply)
    refuse(name,
           "is slowed down by the power supply of its machine (power brake); its figures "
           "would not be those of the GPU");
  const auto processes = sensors.processes();
  if (!processes || processes->empty()) return;
  std::string who = text_of(processes->front());
  if (processes->size() > 1) who += ", and " + std::to_string(processes->size() - 1) + " more";
  refuse(name, "is in use by another process (" + who +
                   "), which would be in every figure; end it, or choose another GPU with "
                   "CUDA_VISIBLE_DEVICES");
}

GpuWatch::GpuWatch(const GpuSensors& sensors, const std::vector<GpuProcess>& before)
    : sensors_(sensors) {
  for (const GpuProcess& process : sensors.processes().value_or(std::vector<GpuProcess>{}))
    own_.insert(process.pid);
  for (const GpuProcess& process : before) own_.erase(process.pid);
}

bool GpuWatch::others_compute(double now) {
  if (now - processes_asked_ < kProcessesEvery) return others_;
  processes_asked_ = now;
  others_ = false;
  for (const GpuProcess& process : sensors_.processes().value_or(std::vector<GpuProcess>{})) {
    if (own_.contains(process.pid)) continue;
    others_ = true;
    strangers_.insert(process.pid);
  }
  return others_;
}

bool GpuWatch::undisturbed(double now) {
  last_ = sensors_.state();
  if (last_.sm_clock_mhz) clocks_mhz_.push_back(*last_.sm_clock_mhz);
  if (last_.power_w) powers_w_.push_back(*last_.power_w);
  highest_temperature_c_ = std::max(highest_temperature_c_, last_.temperature_c.value_or(0));
  const bool hot = last_.limits && last_.limits->heat;
  const bool braked = last_.limits && last_.limits->power_supply;
  const bool shared = others_compute(now);
  hot_ += hot, braked_ += braked, shared_ += shared;
  return !hot && !braked && !shared;
}

std::vector<std::string> GpuWatch::disturbances() const {
  std::vector<std::string> lines;
  const auto times = [](std::size_t count) { return std::to_string(count) + " samples "; };
  if (hot_ > 0)
    lines.push_back(times(hot_) + "met a GPU slowed down by heat (up to " +
                    whole(highest_temperature_c_) + " C) and do not count");
  if (braked_ > 0)
    lines.push_back(times(braked_) + "met a GPU slowed down by its power supply and do not count");
  if (shared_ > 0) {
    std::string who;
    for (const std::uint32_t pid : strangers_)
      who += (who.empty() ? "" : ", ") + std::to_string(pid);
    lines.push_back(times(shared_) + "met another process on the GPU (pid " + who +
                    ") and do not count");
  }
  return lines;
}

std::vector<std::pair<std::string, std::string>> GpuWatch::facts() const {
  std::vector<std::pair<std::string, std::string>> facts;
  const auto add = [&](const char* key, const std::string& text) { facts.emplace_back(key, text); };
  if (!clocks_mhz_.empty()) add("sm_clock", whole(median(clocks_mhz_)) + " MHz");
  if (last_.highest_sm_clock_mhz)
    add("highest_sm_clock", whole(*last_.highest_sm_clock_mhz) + " MHz");
  if (!powers_w_.empty()) add("power", whole(median(powers_w_)) + " W");
  if (last_.power_limit_w) add("power_limit", whole(*last_.power_limit_w) + " W");
  if (highest_temperature_c_ > 0) add("highest_temperature", whole(highest_temperature_c_) + " C");
  if (last_.limits && last_.limits->user) add("clocks", "set by a user");
  return facts;
}

void GpuWatch::forget() {
  clocks_mhz_.clear(), powers_w_.clear();
  highest_temperature_c_ = 0;
}

}  // namespace stepcast
