// The simulating interpreter: simulate(job, fabric, costs) -> when everything happens. Compute runs
// on the ranks' own clocks, bytes on the wire run in SimGrid. Folding: ranks, communicators and
// links that colour refinement finds alike are simulated once; the result is exact, or they are
// kept apart.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/engine/job_costs.h"
#include "sim/program/job.h"
#include "sim/topology/fabric.h"
#include "sim/trace/trace.h"

namespace stepcast {

enum class Fidelity : std::uint8_t {
  kFluid,    ///< a collective is one coupled activity; closed form where it provably shares no link
  kMessage,  ///< every chunk is a flow: the reference, up to some 100 ranks
};

enum class Folding : std::uint8_t {
  kFull,          ///< whatever colour refinement proves alike
  kKeepReplicas,  ///< data-parallel replicas apart
  kOff,           ///< every rank apart
};

struct SimulateOptions {
  Fidelity fidelity = Fidelity::kFluid;
  Folding folding = Folding::kFull;
  std::vector<double> slowdown;  ///< by rank, of compute; empty: all 1 (stragglers have > 1)
  std::vector<Seconds> start;    ///< by rank: when its CPU begins; empty: all at zero
  /// By rank: those with one number share a core or a GPU (processors.h); empty: each has its own.
  /// Only with Folding::kOff, and with costs under which transfers slow no kernel down.
  std::vector<std::uint32_t> processor;
  /// Algorithms to follow transfer by transfer: simulate() adds those that the costs' network
  /// profiles prescribe. Other ones of that sort are refused.
  std::vector<ScheduledWay> ways;
  bool attribute = true;  ///< fill RankReport's times by cause (walks every op once more)
  bool spans = false;     ///< fill Trace (implies attribute)
};

/// The options for the first `num_ranks` ranks of a topology: those that share GPUs there are told
/// so, and are none of them alike.
SimulateOptions with_sharing(SimulateOptions options, const Topology& topology,
                             std::int64_t num_ranks);

/// Where the compute stream of a rank spends the step. The parts add up to the step time.
struct TimeByCause {
  Seconds compute;      ///< kernels running (all classes)
  Seconds wait_tensor;  ///< exposed communication, by group
  Seconds wait_data;
  Seconds wait_embedding;
  Seconds wait_pipeline;      ///< waiting for a message: transfers and the bubble together
  Seconds transfer_pipeline;  ///< of that: the time in which the awaited bytes were really moving
  Seconds wait_host;          ///< GPU idle because the CPU had not issued yet
  Seconds tail;               ///< finished, others still busy
};

/// One per rank class.
struct RankReport {
  Rank representative = 0;
  std::uint32_t count = 0;  ///< ranks of this class
  std::uint32_t program = 0;
  Seconds end;  ///< its last op
  TimeByCause time;
  std::vector<Seconds> compute_by_kind;  ///< indexed by KernelKind
  Seconds work;  ///< TimeByCause::compute without what others on the GPU, or its SMs, made of it
  /// One standard deviation of TimeByCause::compute, of the kernels that are not timed from
  /// measurements of their device. One profile times them: they are off together.
  Seconds unmeasured_sigma;
};

struct Simulation {
  Seconds step_time;
  std::vector<RankReport> ranks;
  std::vector<std::uint32_t> class_of_rank;  ///< index into `ranks`
  Trace trace;
  Grade grade = Grade::kFitted;  ///< worst of the costs used
  std::uint64_t flows = 0;       ///< SimGrid activities
  std::uint64_t events = 0;
};

struct PreparedJob;

/// A job on a fabric, ready to be simulated with one set of costs after the other: which ranks are
/// alike, what communicators load, what can't be contended is found out once. Each run tells what
/// simulate() would, bit for bit.
class Simulator {
 public:
  /// The job must have passed verify(). Rank r runs on GPU r of the fabric. Keeps references to
  /// both; both must outlive the simulator and not change.
  Simulator(const Job& job, const Fabric& fabric, SimulateOptions options = {});
  ~Simulator();
  Simulator(Simulator&&) noexcept;
  Simulator& operator=(Simulator&&) noexcept;

  /// Throws Error(kUnsupported) when an op can't be costed; InternalError when ranks wait for each
  /// other for ever. One engine lives per process: runs follow one another, from one thread.
  Simulation run(const JobCosts& costs) const;
  /// run().step_time, without the times by cause and spans that the options ask for.
  Seconds step_time(const JobCosts& costs) const;

 private:
  Simulation run(const JobCosts& costs, bool with_account) const;
  std::unique_ptr<const PreparedJob> prepared_;
};

/// One run of a Simulator.
Simulation simulate(const Job& job, const Fabric& fabric, const JobCosts& costs,
                    const SimulateOptions& options = {});

}  // namespace stepcast
