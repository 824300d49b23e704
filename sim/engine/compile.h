// A program of a rank class, compiled to what the engine executes: lanes of steps. A lane is a set
// of streams whose ops are evaluated in the order of issue. Ops whose times depend on this rank
// alone (kernels; collectives that meet nobody, in a channel with no other rank class) are not
// executed one by one: a run of them is a max-plus linear map
//     end[i] = max(end'[j] + a[i][j] for all streams j of the lane, cpu + b[i])
// from the times at which the lane's streams became free, and the time at which the CPU entered the
// segment, to the times at which they are free again (Baccelli et al., Synchronization and
// Linearity, 1992). The map is made once per block, op by op, and applied at every call.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "sim/engine/op_costs.h"
#include "sim/engine/overlap.h"
#include "sim/engine/program_index.h"

namespace stepcast {

/// Which streams share a lane.
enum class Lanes : std::uint8_t {
  kJoined,    ///< the compute stream, and all with few transfers to other rank classes: fast
  kSeparate,  ///< one lane per stream: needed when a joined lane would learn times too late
              ///< (rank_walk.h)
};

inline constexpr double kNever = -std::numeric_limits<double>::infinity();

/// What a rank class adds to its program. Classes with equal ones have equal scripts.
struct RankTiming {
  double slowdown = 1;  ///< of kernels
  /// Ports of channels whose transfers depend on no other rank class: their times by transfer
  /// index, kNever where the program asks for no such transfer. Empty for other ports.
  std::array<std::vector<double>, kNumPorts> local_times;

  bool is_local(Port port) const { return !local_times[static_cast<int>(port)].empty(); }
  double local_time(Port port, std::uint32_t transfer) const {
    return local_times[static_cast<int>(port)][transfer];
  }
  bool operator==(const RankTiming&) const = default;
};

struct CompileOptions {
  Lanes lanes = Lanes::kJoined;
  bool macros = true;  ///< false: every op is a map of its own (to test the maps)
};

enum class StepKind : std::uint8_t {
  kGate,      ///< a stream waits for an event: `argument` is the number of the wait in the block
  kMap,       ///< `argument` indexes Script::maps
  kTransfer,  ///< with other rank classes: `argument` indexes Script::transfers
  kKernel,    ///< that transfers may slow down: `argument` indexes Script::kernels
  kHostMark,  ///< the CPU waits for the stream here
};

struct ScriptStep {
  StepKind kind{};
  std::uint8_t stream = 0;    ///< index among the lane's
  std::uint16_t segment = 0;  ///< of the block: ops between two host waits
  std::uint32_t op = 0;       ///< position in the block (of a map: the first)
  std::uint32_t argument = 0;
};

/// Rows of the map: one per stream of the lane, then one per exported signal. Columns: the streams
/// of the lane, then the CPU.
struct MaxPlusMap {
  std::uint32_t first_coefficient = 0;
  std::uint32_t first_export = 0, num_exports = 0;
};

struct TransferStep {
  Port port{};
  std::uint32_t ordinal = 0;  ///< in the block
  std::uint32_t transfer = 0;
  double issue = 0;  ///< after the CPU entered the segment
  std::uint32_t signal = kNone;
};

struct KernelStep {
  double work = 0;  ///< seconds that it takes alone
  bool memory_bound = false;
  double issue = 0;  ///< after the CPU entered the segment
  std::uint32_t signal = kNone;
};

struct Script {
  struct Range {
    std::uint32_t begin = 0, end = 0;
  };
  struct Lane {
    std::vector<Stream> streams;
    std::vector<Range> blocks;  ///< of steps, by block
  };
  /// Of the CPU: busy for `issue`, then waits for a stream unless it is the block's last segment.
  struct Segment {
    double issue = 0;
    std::optional<Stream> host_wait;
  };

  std::vector<Lane> lanes;
  std::vector<std::vector<Segment>> segments;  ///< by block
  std::vector<ScriptStep> steps;
  std::vector<MaxPlusMap> maps;
  std::vector<double> coefficients;
  std::vector<std::uint32_t> exports;  ///< signal numbers of the block
  std::vector<TransferStep> transfers;
  std::vector<KernelStep> kernels;
};

/// `overlap` names the kernels that are steps of their own; `timing` must not call its ports local.
Script compile(const Program& program, const ProgramIndex& index, const ProgramCosts& costs,
               const RankTiming& timing, const Overlap& overlap = {},
               const CompileOptions& options = {});

}  // namespace stepcast
