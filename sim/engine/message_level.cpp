#include "sim/engine/message_level.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "sim/base/error.h"
#include "sim/collective/algorithms.h"
#include "sim/engine/collective_timing.h"

namespace stepcast {
namespace {

/// Pieces of one channel's buffer at the most: with more, filling the pipeline takes no time that
/// would be seen.
constexpr double kMostPieces = 2048;
/// And of a tree's half at the least: NCCL halves the pieces of small buffers.
constexpr std::uint32_t kFewestTreePieces = 32;

Algorithm algorithm_of(const FlowPlan& plan) {
  if (plan.algorithm == Algorithm::kSharp)
    throw Error(ErrorKind::kUnsupported,
                "sums in the fabric's switches (sharp) are not followed message by message; leave "
                "out --fidelity message, or prescribe another algorithm");
  const bool in_switch =
      plan.algorithm == Algorithm::kNvls || plan.algorithm == Algorithm::kNvlsTree;
  return in_switch ? Algorithm::kRing : plan.algorithm;
}

bool has_full_nodes(const GroupGeometry& group) {
  return group.num_nodes() * group.ranks_per_node() == group.num_ranks();
}

std::uint32_t pieces_of(const GroupGeometry& group, const FlowPlan& plan, Bytes size) {
  const double channel = static_cast<double>(size.value()) / group.num_channels();
  return static_cast<std::uint32_t>(
      std::clamp(std::ceil(channel / slot_bytes(plan.protocol)), 1.0, kMostPieces));
}

CollectiveSchedule schedule_of(const GroupGeometry& group, CollectiveKind kind,
                               const FlowPlan& plan, Bytes size) {
  const Algorithm algorithm = algorithm_of(plan);
  if (const ScheduleLoads* loads = group.schedule(kind, algorithm)) return schedule_of(*loads);
  const auto ranks = static_cast<std::uint32_t>(group.num_ranks());
  const auto per_node = static_cast<std::uint32_t>(group.ranks_per_node());
  const std::uint32_t pieces = pieces_of(group, plan, size);
  switch (kind) {
    case CollectiveKind::kAllReduce:
      if (algorithm == Algorithm::kTree)
        return double_tree_all_reduce(group.ranks_of_nodes(),
                                      std::max(kFewestTreePieces, pieces / 2));
      return ring_all_reduce(ranks);
    case CollectiveKind::kAllGather:
      return ring_all_gather(ranks);
    case CollectiveKind::kReduceScatter:
      return ring_reduce_scatter(ranks);
    case CollectiveKind::kBroadcast:
      return ring_broadcast(ranks, pieces);
    case CollectiveKind::kReduce:
      return ring_reduce(ranks, pieces);
    case CollectiveKind::kAllToAll:
      return pairwise_all_to_all(ranks, has_full_nodes(group) ? per_node : 1);
    case CollectiveKind::kSendRecv:
      return neighbour_send_recv(ranks);
  }
  STEPCAST_CHECK(false, "no such collective");
}

/// What a hop costs besides its bytes.
struct HopCosts {
  double base = 0;              // before everything
  double intra = 0, inter = 0;  // after each chunk; in an exchange before each, at its sender
  double efficiency = 1;        // of the slowest link: bounds the rate
};

HopCosts hop_costs(const GroupGeometry& group, const NetworkProfile& profile, const FlowPlan& plan,
                   double size) {
  const Algorithm algorithm = algorithm_of(plan);
  if (algorithm == Algorithm::kPairwise)
    return {.base = profile.all_to_all_base.value(),
            .intra = profile.all_to_all_peer_intra.value() * profile.intra_latency_factor,
            .inter = profile.all_to_all_peer_inter.value(),
            .efficiency = 1};
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(plan.protocol)];
  const bool tree = algorithm == Algorithm::kTree;
  const Hops hops = tree ? tree_hops(profile, plan.protocol, size)
                         : ring_hops(group, profile, plan.protocol, size / group.num_ranks());
  return {.base = costs.base.value(),
          .intra = hops.intra,
          .inter = hops.inter,
          .efficiency = std::min(1.0, tree ? costs.tree_efficiency : costs.ring_efficiency)};
}

}  // namespace

/// One collective under way.
class MessageLevel::Run {
 public:
  Run(MessageLevel& owner, const NetworkProfile& profile, const GroupGeometry& group,
      CollectiveKind kind, Bytes size, FlowSolver::Callback done)
      : Run(owner, profile, group, kind, size, plan_collective(group, profile, kind, size),
            std::move(done)) {}
  Run(MessageLevel& owner, const NetworkProfile& profile, const GroupGeometry& group,
      CollectiveKind kind, Bytes size, const FlowPlan& plan, FlowSolver::Callback done)
      : owner_(owner),
        profile_(profile),
        group_(group),
        algorithm_(algorithm_of(plan)),
        schedule_(schedule_of(group, kind, plan, size)),
        costs_(hop_costs(group, profile, plan, static_cast<double>(size.value()))),
        size_(size),
        done_(std::move(done)) {
    index_schedule();
    const int channels = goes_direct() ? 1 : group.num_channels();
    for (int channel = 0; channel < channels; ++channel) add_channel(channel);
  }

  void begin() {
    for (std::uint32_t channel = 0; channel < channels_.size(); ++channel)
      for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank) go_on(channel, rank);
  }
  double base_latency() const { return costs_.base; }

 private:
  /// From peer to peer without channels.
  bool goes_direct() const {
    return algorithm_ == Algorithm::kPairwise || is_scheduled(algorithm_);
  }

  /// Transfers of one rank and lane, by step; indices into the schedule.
  struct Lane {
    std::uint32_t id = 0;
    std::vector<std::uint32_t> transfers;
  };
  struct LaneState {
    std::size_t next = 0;
    bool busy = false;
  };
  struct Channel {
    int index = 0;
    std::vector<std::uint32_t> gpus;            // by rank of the schedule
    std::vector<std::vector<LaneState>> lanes;  // by rank
    std::vector<double> sender_free;            // by rank: when it can begin a message
    std::vector<std::uint32_t> arrived;         // by rank and chunk
  };

  /// Lanes by rank, and how many arrivals every transfer waits for: those of its chunk at its
  /// sender in earlier steps.
  void index_schedule() {
    lanes_.resize(schedule_.ranks);
    waits_for_.resize(schedule_.transfers.size(), 0);
    std::vector<std::uint32_t> arrivals(std::size_t{schedule_.ranks} * schedule_.chunks, 0);
    const auto& transfers = schedule_.transfers;
    for (std::size_t first = 0; first < transfers.size();) {
      std::size_t last = first;
      for (; last < transfers.size() && transfers[last].step == transfers[first].step; ++last) {
        waits_for_[last] = arrivals[place(transfers[last].from, transfers[last].chunk)];
        lane_of(transfers[last]).transfers.push_back(static_cast<std::uint32_t>(last));
      }
      for (; first < last; ++first) ++arrivals[place(transfers[first].to, transfers[first].chunk)];
    }
  }

  std::size_t place(std::uint32_t rank, std::uint32_t chunk) const {
    return std::size_t{rank} * schedule_.chunks + chunk;
  }

  Lane& lane_of(const Transfer& transfer) {
    std::vector<Lane>& lanes = lanes_[transfer.from];
    // In an exchange with all peers at once each has a lane of its own.
    const bool at_once =
        algorithm_ == Algorithm::kPairwise && group_.all_to_all_peers_at_once() > 1;
    const std::uint32_t id = at_once ? transfer.step : transfer.lane;
    for (Lane& lane : lanes)
      if (lane.id == id) return lane;
    return lanes.emplace_back(Lane{id, {}});
  }

  void add_channel(int index) {
    Channel channel;
    channel.index = index;
    channel.gpus = goes_direct() ? group_.members() : group_.ring(index);
    channel.sender_free.assign(schedule_.ranks, 0);
    for (const std::vector<Lane>& lanes : lanes_) channel.lanes.emplace_back(lanes.size());
    channel.arrived.assign(std::size_t{schedule_.ranks} * schedule_.chunks, 0);
    channels_.push_back(std::move(channel));
    left_ += schedule_.transfers.size();
  }

  /// Starts what `rank` can start on `channel`.
  void go_on(std::uint32_t channel_index, std::uint32_t rank) {
    Channel& channel = channels_[channel_index];
    for (std::size_t lane = 0; lane < lanes_[rank].size(); ++lane) {
      LaneState& state = channel.lanes[rank][lane];
      const std::vector<std::uint32_t>& queue = lanes_[rank][lane].transfers;
      if (state.busy || state.next == queue.size()) continue;
      const std::uint32_t id = queue[state.next];
      const Transfer& transfer = schedule_.transfers[id];
      if (channel.arrived[place(rank, transfer.chunk)] < waits_for_[id]) continue;
      state.busy = true;
      send(channel_index, lane, transfer);
    }
  }

  bool on_one_node(const Channel& channel, const Transfer& transfer) const {
    return owner_.fabric_.node_of(channel.gpus[transfer.from]) ==
           owner_.fabric_.node_of(channel.gpus[transfer.to]);
  }

  /// In an exchange a sender prepares one message after the other, whatever the lane.
  void send(std::uint32_t channel_index, std::size_t lane, const Transfer& transfer) {
    Channel& channel = channels_[channel_index];
    const double cost = on_one_node(channel, transfer) ? costs_.intra : costs_.inter;
    if (algorithm_ != Algorithm::kPairwise || cost == 0)
      return transmit(channel_index, lane, transfer, cost);
    double& free = channel.sender_free[transfer.from];
    free = std::max(free, owner_.solver_.now()) + cost;
    owner_.solver_.at(free, [=, this, &transfer] { transmit(channel_index, lane, transfer, 0); });
  }

  void transmit(std::uint32_t channel_index, std::size_t lane, const Transfer& transfer,
                double cost) {
    const Channel& channel = channels_[channel_index];
    path_.clear();
    group_.route(owner_.fabric_, channel.index, channel.gpus[transfer.from],
                 channel.gpus[transfer.to], goes_direct(), path_);
    const double bytes = static_cast<double>(chunk_size(schedule_, size_, transfer.chunk).value()) /
                         static_cast<double>(channels_.size());
    const double latency = cost + owner_.fabric_.latency_of(path_).value();
    owner_.solver_.start(
        path_, bytes, rate_bound(on_one_node(channel, transfer)), [=, this, &transfer] {
          Channel& here = channels_[channel_index];
          here.lanes[transfer.from][lane].busy = false;
          ++here.lanes[transfer.from][lane].next;
          go_on(channel_index, transfer.from);
          if (latency > 0)
            owner_.solver_.at(owner_.solver_.now() + latency,
                              [=, this, &transfer] { arrive(channel_index, transfer); });
          else
            arrive(channel_index, transfer);
        });
  }

  /// 0: none. A protocol may spend part of the wire on flags, and software may get less out of it
  /// than that of others.
  double rate_bound(bool same_node) const {
    const double own = narrowest([this](std::uint32_t link) {
      return effective_capacity(owner_.fabric_.links()[link], profile_);
    });
    const double there = narrowest([this](std::uint32_t link) { return owner_.capacities_[link]; });
    const double by_software = own < there ? own : 0;
    if (costs_.efficiency >= 1) return by_software;
    const double by_protocol =
        costs_.efficiency * (is_scheduled(algorithm_) ? own : share(same_node));
    return by_software > 0 ? std::min(by_software, by_protocol) : by_protocol;
  }

  /// Of a channel.
  double share(bool same_node) const {
    const double bandwidth = same_node ? group_.intra_bandwidth() * profile_.intra_efficiency
                                       : group_.inter_bandwidth() * profile_.inter_efficiency;
    return bandwidth / group_.num_channels();
  }

  /// Of the path.
  template <typename Capacity>
  double narrowest(Capacity capacity) const {
    double least = std::numeric_limits<double>::infinity();
    for (const std::uint32_t link : path_) least = std::min(least, capacity(link));
    return least;
  }

  void arrive(std::uint32_t channel_index, const Transfer& transfer) {
    ++channels_[channel_index].arrived[place(transfer.to, transfer.chunk)];
    if (--left_ > 0) return go_on(channel_index, transfer.to);
    FlowSolver::Callback done = std::move(done_);
    std::erase_if(owner_.runs_, [this](const auto& run) { return run.get() == this; });
    done();  // this run is gone
  }

  MessageLevel& owner_;
  const NetworkProfile& profile_;
  const GroupGeometry& group_;
  Algorithm algorithm_;
  CollectiveSchedule schedule_;
  HopCosts costs_;
  Bytes size_;
  FlowSolver::Callback done_;
  std::vector<std::vector<Lane>> lanes_;  // by rank
  std::vector<std::uint32_t> waits_for_;  // by transfer
  std::vector<Channel> channels_;
  std::uint64_t left_ = 0;  // transfers that have not arrived
  std::vector<std::uint32_t> path_;
};

MessageLevel::MessageLevel(FlowSolver& solver, const Fabric& fabric, std::vector<double> capacities)
    : solver_(solver), fabric_(fabric), capacities_(std::move(capacities)) {}

MessageLevel::~MessageLevel() = default;

void MessageLevel::start(const NetworkProfile& profile, const GroupGeometry& group,
                         CollectiveKind kind, Bytes size, FlowSolver::Callback done) {
  if (group.num_ranks() == 1) return solver_.at(solver_.now(), std::move(done));
  runs_.push_back(std::make_unique<Run>(*this, profile, group, kind, size, std::move(done)));
  Run* run = runs_.back().get();
  solver_.at(solver_.now() + run->base_latency(), [run] { run->begin(); });
}

void MessageLevel::start_message(const NetworkProfile& profile, std::uint32_t from,
                                 std::uint32_t to, Bytes size, FlowSolver::Callback done) {
  const PairGeometry pair(fabric_, from, to);
  const FlowPlan plan = plan_p2p(pair, profile, size);
  std::vector<std::uint32_t> path;
  append_path(plan.links, path);
  solver_.at(solver_.now() + plan.latency.value(),
             [this, path = std::move(path), bytes = plan.bytes, bound = plan.rate_bound,
              done = std::move(done)] { solver_.start(path, bytes, bound, done); });
}

}  // namespace stepcast
