#include "sim/engine/compile.h"

#include <algorithm>

namespace stepcast {
namespace {

/// A time as a max-plus combination of the lane's streams and the CPU (the last column).
using Row = std::array<double, kNumStreams + 1>;
constexpr int kCpu = kNumStreams;

Row never() {
  Row row;
  row.fill(kNever);
  return row;
}
Row unit(int column) {
  Row row = never();
  row[column] = 0;
  return row;
}
void raise_to(Row& row, const Row& other) {
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = std::max(row[i], other[i]);
}

bool is_transfer(const Op& op, const RankTiming& timing) {
  const auto port = port_of(op.what);
  return port && !timing.is_local(*port);
}

/// The run of local ops that is being gathered for one lane.
struct OpenMap {
  bool empty = true;
  std::uint32_t serial = 0;  ///< tells maps of a lane apart
  std::uint32_t first_op = 0;
  std::array<Row, kNumStreams> ends;
  struct Signal {
    EventId event = 0;
    std::uint32_t number = 0;
    Row end;
  };
  std::vector<Signal> signals;

  void reset() {
    empty = true;
    ++serial;
    signals.clear();
    for (int i = 0; i < kNumStreams; ++i) ends[i] = unit(i);
  }
};

/// Who signalled an event last in the block being compiled.
struct LatestSignal {
  bool valid = false;
  Stream stream{};
  std::uint32_t lane = 0, serial = 0;
  Row end;
};

class Compiler {
 public:
  Compiler(const Program& program, const ProgramIndex& index, const ProgramCosts& costs,
           const RankTiming& timing, const Overlap& overlap, const CompileOptions& options)
      : program_(program),
        index_(index),
        costs_(costs),
        timing_(timing),
        overlap_(overlap),
        options_(options) {
    assign_lanes();
  }

  Script run() {
    for (BlockId block = 0; block < program_.blocks.size(); ++block) compile_block(block);
    pack_maps();
    return std::move(script_);
  }

 private:
  struct Draft {
    OpenMap map;
    int streams = 0;
  };

  void assign_lanes();
  void compile_block(BlockId block);
  void add_op(const Op& op, std::uint32_t position);
  bool is_implied(const Op& op, EventId event) const;
  bool is_internal(const Op& op, EventId event) const;
  Row add_waits(const Op& op, std::uint32_t position);
  void add_local(const Op& op, std::uint32_t position, const Row& start);
  void add_transfer(const Op& op, std::uint32_t position);
  void add_kernel(const Op& op, std::uint32_t position);
  bool is_step(const Op& op, std::uint32_t position) const;
  void add_host_wait(const Op& op, std::uint32_t position);
  void close_map(std::uint32_t lane);
  void close_all();
  void pack_maps();
  double duration_of(const Op& op, const OpCost& cost) const;

  std::uint32_t lane_of(Stream stream) const { return lane_of_[static_cast<int>(stream)]; }
  std::uint8_t place_of(Stream stream) const { return place_of_[static_cast<int>(stream)]; }
  void add_step(std::uint32_t lane, StepKind kind, Stream stream, std::uint32_t position,
                std::uint32_t argument) {
    steps_[lane].push_back({.kind = kind,
                            .stream = place_of(stream),
                            .segment = segment_,
                            .op = position,
                            .argument = argument});
  }

  const Program& program_;
  const ProgramIndex& index_;
  const ProgramCosts& costs_;
  const RankTiming& timing_;
  const Overlap& overlap_;
  const CompileOptions& options_;
  Script script_;
  std::array<std::uint32_t, kNumStreams> lane_of_{};
  std::array<std::uint8_t, kNumStreams> place_of_{};
  std::vector<Draft> drafts_;      // maps closed so far, over all blocks
  std::vector<bool> is_external_;  // by event: some wait for it is not within a map

  // Of the block being compiled.
  BlockId block_ = 0;
  std::uint16_t segment_ = 0;
  double cpu_ = 0;                              // since the CPU entered the segment
  std::vector<OpenMap> open_;                   // by lane
  std::vector<std::vector<ScriptStep>> steps_;  // by lane
  std::vector<LatestSignal> latest_;            // by event
};

/// A stream joins the compute stream's lane when most of its ops depend on this rank alone. (The
/// few transfers of a joined lane hold all of it up: the gradient norm on the tensor stream does no
/// harm.)
void Compiler::assign_lanes() {
  std::array<int, kNumStreams> local{}, coupled{};
  std::array<bool, kNumStreams> in_use{true};  // compute: even if nothing is ever computed
  for (const Block& block : program_.blocks)
    for (const Op& op : block.ops) {
      const auto stream = static_cast<std::size_t>(op.stream);
      in_use[stream] = true;
      if (takes_time(op.what)) ++(is_transfer(op, timing_) ? coupled : local)[stream];
    }
  for (int stream = 0; stream < kNumStreams; ++stream) {
    if (!in_use[stream]) continue;
    const bool joins =
        stream > 0 && options_.lanes == Lanes::kJoined && local[stream] > coupled[stream];
    if (!joins) script_.lanes.emplace_back();
    lane_of_[stream] = joins ? 0 : static_cast<std::uint32_t>(script_.lanes.size() - 1);
    auto& streams = script_.lanes[lane_of_[stream]].streams;
    place_of_[stream] = static_cast<std::uint8_t>(streams.size());
    streams.push_back(static_cast<Stream>(stream));
  }
  open_.resize(script_.lanes.size());
  steps_.resize(script_.lanes.size());
  is_external_.resize(program_.events.size());
}

void Compiler::compile_block(BlockId block) {
  block_ = block;
  segment_ = 0;
  cpu_ = 0;
  latest_.assign(program_.events.size(), {});
  for (OpenMap& map : open_) map.reset();
  for (auto& steps : steps_) steps.clear();
  script_.segments.emplace_back();

  const std::vector<Op>& ops = program_.blocks[block].ops;
  for (std::uint32_t position = 0; position < ops.size(); ++position) {
    cpu_ += costs_.at(block_, position).issue;
    add_op(ops[position], position);
  }
  close_all();
  script_.segments.back().push_back({.issue = cpu_, .host_wait = std::nullopt});
  for (std::uint32_t lane = 0; lane < steps_.size(); ++lane) {
    const auto begin = static_cast<std::uint32_t>(script_.steps.size());
    script_.steps.insert(script_.steps.end(), steps_[lane].begin(), steps_[lane].end());
    script_.lanes[lane].blocks.push_back({begin, static_cast<std::uint32_t>(script_.steps.size())});
  }
}

void Compiler::add_op(const Op& op, std::uint32_t position) {
  if (orders_streams(op)) {
    const Row start = add_waits(op, position);
    if (is_transfer(op, timing_))
      add_transfer(op, position);
    else if (is_step(op, position))
      add_kernel(op, position);
    else
      add_local(op, position, start);
  }
  if (std::holds_alternative<HostWait>(op.what)) add_host_wait(op, position);
}

/// The stream's own order makes up for a wait.
bool Compiler::is_implied(const Op& op, EventId event) const {
  return latest_[event].valid && latest_[event].stream == op.stream;
}

/// The awaited op is in the open map of the same lane.
bool Compiler::is_internal(const Op& op, EventId event) const {
  const LatestSignal& signal = latest_[event];
  const std::uint32_t lane = lane_of(op.stream);
  return signal.valid && signal.lane == lane && signal.serial == open_[lane].serial;
}

/// Executed by itself: its end is known only when the network's clock comes to it.
bool Compiler::is_step(const Op& op, std::uint32_t position) const {
  return is_transfer(op, timing_) || overlap_.may_slow(block_, position);
}

/// When all awaited ops are in the open map, waiting becomes part of the map. Otherwise the map is
/// closed, and every wait becomes a gate, which holds the stream back.
Row Compiler::add_waits(const Op& op, std::uint32_t position) {
  const std::uint32_t lane = lane_of(op.stream);
  const auto all_internal =
      std::all_of(op.waits_for.begin(), op.waits_for.end(),
                  [&](EventId event) { return is_implied(op, event) || is_internal(op, event); });
  Row start = never();
  if (!all_internal || is_step(op, position)) close_map(lane);
  for (std::uint32_t i = 0; i < op.waits_for.size(); ++i) {
    const EventId event = op.waits_for[i];
    if (is_implied(op, event)) continue;
    if (is_internal(op, event)) {
      raise_to(start, latest_[event].end);
      continue;
    }
    is_external_[event] = true;
    add_step(lane, StepKind::kGate, op.stream, position,
             index_.block(block_).ops[position].first_wait + i);
  }
  return start;
}

double Compiler::duration_of(const Op& op, const OpCost& cost) const {
  const auto port = port_of(op.what);
  return port ? timing_.local_time(*port, cost.transfer) : cost.duration * timing_.slowdown;
}

void Compiler::add_local(const Op& op, std::uint32_t position, const Row& awaited) {
  const std::uint32_t lane = lane_of(op.stream);
  OpenMap& map = open_[lane];
  if (map.empty) map.first_op = position;
  map.empty = false;
  Row& end = map.ends[place_of(op.stream)];
  raise_to(end, awaited);
  end[kCpu] = std::max(end[kCpu], cpu_);
  const double duration = duration_of(op, costs_.at(block_, position));
  for (double& entry : end) entry += duration;
  if (op.signals != kNone) {
    latest_[op.signals] = {true, op.stream, lane, map.serial, end};
    map.signals.push_back({op.signals, index_.block(block_).ops[position].signal, end});
  }
  if (!options_.macros) close_map(lane);
}

void Compiler::add_transfer(const Op& op, std::uint32_t position) {
  const std::uint32_t lane = lane_of(op.stream);
  close_map(lane);
  const auto& op_index = index_.block(block_).ops[position];
  add_step(lane, StepKind::kTransfer, op.stream, position,
           static_cast<std::uint32_t>(script_.transfers.size()));
  script_.transfers.push_back({.port = *port_of(op.what),
                               .ordinal = op_index.ordinal,
                               .transfer = costs_.at(block_, position).transfer,
                               .issue = cpu_,
                               .signal = op_index.signal});
  if (op.signals != kNone) latest_[op.signals] = {true, op.stream, lane, kNone, never()};
}

void Compiler::add_kernel(const Op& op, std::uint32_t position) {
  const std::uint32_t lane = lane_of(op.stream);
  close_map(lane);
  const OpCost& cost = costs_.at(block_, position);
  add_step(lane, StepKind::kKernel, op.stream, position,
           static_cast<std::uint32_t>(script_.kernels.size()));
  script_.kernels.push_back({.work = duration_of(op, cost),
                             .memory_bound = cost.memory_bound,
                             .issue = cpu_,
                             .signal = index_.block(block_).ops[position].signal});
  if (op.signals != kNone) latest_[op.signals] = {true, op.stream, lane, kNone, never()};
}

void Compiler::add_host_wait(const Op& op, std::uint32_t position) {
  close_all();
  add_step(lane_of(op.stream), StepKind::kHostMark, op.stream, position, 0);
  script_.segments.back().push_back({.issue = cpu_, .host_wait = op.stream});
  cpu_ = 0;
  ++segment_;
}

void Compiler::close_map(std::uint32_t lane) {
  OpenMap& map = open_[lane];
  if (!map.empty) {
    steps_[lane].push_back({.kind = StepKind::kMap,
                            .stream = 0,
                            .segment = segment_,
                            .op = map.first_op,
                            .argument = static_cast<std::uint32_t>(drafts_.size())});
    drafts_.push_back({map, static_cast<int>(script_.lanes[lane].streams.size())});
  }
  map.reset();
}

void Compiler::close_all() {
  for (std::uint32_t lane = 0; lane < open_.size(); ++lane) close_map(lane);
}

/// Only now is it known which signals somebody outside their map waits for.
void Compiler::pack_maps() {
  for (const Draft& draft : drafts_) {
    script_.maps.push_back(
        {.first_coefficient = static_cast<std::uint32_t>(script_.coefficients.size()),
         .first_export = static_cast<std::uint32_t>(script_.exports.size()),
         .num_exports = 0});
    const auto pack = [&](const Row& row) {
      script_.coefficients.insert(script_.coefficients.end(), row.begin(),
                                  row.begin() + draft.streams);
      script_.coefficients.push_back(row[kCpu]);
    };
    for (int stream = 0; stream < draft.streams; ++stream) pack(draft.map.ends[stream]);
    for (const OpenMap::Signal& signal : draft.map.signals) {
      if (!is_external_[signal.event]) continue;
      pack(signal.end);
      script_.exports.push_back(signal.number);
      ++script_.maps.back().num_exports;
    }
  }
}

}  // namespace

Script compile(const Program& program, const ProgramIndex& index, const ProgramCosts& costs,
               const RankTiming& timing, const Overlap& overlap, const CompileOptions& options) {
  return Compiler(program, index, costs, timing, overlap, options).run();
}

}  // namespace stepcast
