// What a prediction says to its reader: time, speed, memory, money, energy, and why. Made from a
// scenario, its simulation and its memory walks; printed by report_text.h and report_json.h.
#pragma once

#include <string>
#include <vector>

#include "sim/engine/simulate.h"
#include "sim/memory/memory.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

/// Does a rank fit? Between "fits" and "does not fit" lies what fragmentation decides.
enum class Fit : std::uint8_t { kFits, kTight, kDoesNotFit };
constexpr std::string_view name_of(Fit fit) {
  return fit == Fit::kFits ? "fits" : fit == Fit::kTight ? "tight" : "does not fit";
}

/// Memory of the ranks that run one program (a pipeline stage).
struct StageMemory {
  std::string name;  ///< Program::name
  PeakMemory peak;
  Bytes reserved;  ///< what the allocator and the CUDA context hold at the peak
  Bytes held;      ///< of it, by the allocator
  Bytes capacity;  ///< what a rank has of the device
  Fit fit = Fit::kFits;
};

/// Thresholds on reserved / capacity. From 2,752 runs of a published sweep of which half ran out of
/// memory: below 0.85 hardly any did, above 1.1 nearly all (tests/validation/README.md).
inline constexpr double kTightFrom = 0.85;
inline constexpr double kDoesNotFitFrom = 1.0;

/// `capacity`: what a rank has of its device.
StageMemory assess_memory(const Program& program, const StackProfile& stack, Bytes capacity);

/// Share of the step, of the ranks' compute streams on average.
struct Share {
  std::string name;
  Seconds time;
};

/// The GPUs of one device.
struct DeviceUse {
  std::string name;
  std::int64_t gpus = 0;
  Seconds compute;  ///< mean over them, of the step; of all ranks on a GPU together
};

/// Of a normal distribution 90 % lie within so many standard deviations of the mean.
inline constexpr double kSigmasOf90Percent = 1.645;

struct Report {
  Seconds step_time;
  Seconds step_time_low, step_time_high;  ///< 90 % interval
  double relative_sigma = 0;
  Grade grade = Grade::kAssumed;
  std::string warning;  ///< why the figures are to be taken with care; mostly empty
  double tokens_per_s = 0;
  double model_flops_utilization = 0;     ///< mfu: 3 x forward of the model / (time x peak)
  double hardware_flops_utilization = 0;  ///< hfu: GEMM and attention flops as executed
  FlopsPerSec achieved_per_gpu;           ///< model flops
  std::vector<Share> compute;             ///< by kernel class, largest first
  std::vector<Share> idle;                ///< exposed communication by group, bubble, host, tail
  std::vector<StageMemory> memory;        ///< by program
  std::size_t fullest_stage = 0;          ///< index into memory
  Bytes memory_capacity;                  ///< of the device that runs the fullest stage
  std::vector<DeviceUse> devices;         ///< by number of the device
  Fit fit = Fit::kFits;
  Joules energy_per_step;
  Watts average_power;           ///< of the whole job, at the wall
  Dollars rent_per_step;         ///< GPU hours
  Dollars electricity_per_step;  ///< were the cluster owned
  double steps_per_trillion_tokens = 0;
};

/// Only the memory part (memory, fullest_stage, memory_capacity, fit, devices without their times):
/// needs no simulation.
Report memory_report(const Scenario& scenario, const Job& job);

Report make_report(const Scenario& scenario, const Job& job, const Simulation& simulation);

}  // namespace stepcast
