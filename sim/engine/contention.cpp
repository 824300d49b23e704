#include "sim/engine/contention.h"

#include <numeric>

#include "sim/program/instances.h"
#include "sim/program/stream_order.h"

namespace stepcast {
namespace {

/// Issues a program op by op and strikes out pairs of ports that are not in order.
class PortOrder {
 public:
  explicit PortOrder(const Program& program)
      : instances_(program.events, program.num_microbatches), reached_(instances_.size()) {
    exclusive_.fill(0xff);
    std::vector<std::vector<std::uint32_t>> ordering;
    for (const Block& block : program.blocks) ordering.push_back(ordering_ops(block));
    for (const Call& call : program.calls)
      for (std::uint32_t position : ordering[call.block])
        issue(program.blocks[call.block].ops[position], call.microbatch);
  }
  const ExclusivePorts& result() const { return exclusive_; }

 private:
  void issue(const Op& op, std::uint32_t microbatch) {
    if (std::holds_alternative<HostWait>(op.what)) return order_.host_wait(op.stream);
    const auto port = port_of(op.what);
    for (EventId event : op.waits_for)
      order_.wait(op.stream, reached_[instances_(event, microbatch)]);
    if (port) compare(static_cast<int>(*port), op.stream);
    const std::uint32_t position = order_.issue(op.stream);
    if (port) remember({static_cast<int>(*port), op.stream, position});
    if (op.signals != kNone)
      reached_[instances_(op.signals, microbatch)] = order_.drained(op.stream);
  }

  /// The last transfer of a port on a stream.
  struct Transfer {
    int port = 0;
    Stream stream{};
    std::uint32_t position = 0;
  };

  void remember(const Transfer& transfer) {
    for (Transfer& entry : last_) {
      if (entry.port != transfer.port || entry.stream != transfer.stream) continue;
      entry.position = transfer.position;
      return;
    }
    last_.push_back(transfer);
  }

  /// A transfer of `port` starts on `stream`: have all earlier ones of each port ended?
  void compare(int port, Stream stream) {
    for (const Transfer& other : last_) {
      if (order_.ordered(other.stream, other.position, stream)) continue;
      exclusive_[port] &= static_cast<std::uint8_t>(~(1u << other.port));
      exclusive_[other.port] &= static_cast<std::uint8_t>(~(1u << port));
    }
  }

  InstanceIndex instances_;
  std::vector<StreamClock> reached_;  // by event instance
  std::vector<Transfer> last_;        // one entry per port and stream in use
  StreamOrder order_;
  ExclusivePorts exclusive_{};
};

/// The channels over each link.
struct LinkUsers {
  std::vector<std::uint32_t> begin, channels;

  explicit LinkUsers(const FoldGraph& graph) : begin(graph.link_colour.size() + 1, 0) {
    for (const auto& use : graph.uses) ++begin[use.link + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    channels.resize(graph.uses.size());
    std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
    for (std::uint32_t channel = 0; channel < graph.channel_colour.size(); ++channel)
      for (const auto& use : graph.uses_of(channel)) channels[next[use.link]++] = channel;
  }
};

class ContentionFinder {
 public:
  ContentionFinder(const FoldGraph& graph, const Job& job,
                   const std::vector<std::array<std::uint32_t, kNumPorts>>& of_rank,
                   const std::vector<ExclusivePorts>& exclusive)
      : graph_(graph),
        job_(job),
        of_rank_(of_rank),
        exclusive_(exclusive),
        users_(graph),
        checked_for_(graph.channel_colour.size(), kNone) {}

  bool is_contended(std::uint32_t channel) {
    if (graph_.uses_of(channel).empty()) return false;
    if (!are_ordered(channel, channel)) return true;
    for (const auto& use : graph_.uses_of(channel))
      for (std::uint32_t i = users_.begin[use.link]; i < users_.begin[use.link + 1]; ++i) {
        const std::uint32_t other = users_.channels[i];
        if (other == channel || checked_for_[other] == channel) continue;
        checked_for_[other] = channel;
        if (!are_ordered(channel, other)) return true;
      }
    return false;
  }

 private:
  /// Is there a rank in both that keeps them apart?
  bool are_ordered(std::uint32_t a, std::uint32_t b) const {
    if (graph_.members_of(b).size() < graph_.members_of(a).size()) std::swap(a, b);
    for (const auto& member : graph_.members_of(a)) {
      const std::uint8_t apart = exclusive_[job_.ranks[member.rank].program][member.port];
      for (int port = 0; port < kNumPorts; ++port)
        if (of_rank_[member.rank][port] == b && (apart >> port & 1)) return true;
    }
    return false;
  }

  const FoldGraph& graph_;
  const Job& job_;
  const std::vector<std::array<std::uint32_t, kNumPorts>>& of_rank_;
  const std::vector<ExclusivePorts>& exclusive_;
  LinkUsers users_;
  std::vector<std::uint32_t> checked_for_;  // by channel: the channel it was last compared with
};

}  // namespace

ExclusivePorts exclusive_ports(const Program& program) { return PortOrder(program).result(); }

std::vector<bool> find_uncontended(const FoldGraph& graph, const Quotient& quotient, const Job& job,
                                   const std::vector<std::array<std::uint32_t, kNumPorts>>& of_rank,
                                   const std::vector<ExclusivePorts>& exclusive) {
  ContentionFinder finder(graph, job, of_rank, exclusive);
  std::vector<bool> uncontended(quotient.channels.count(), true);
  // Every member is asked: alike channels may differ in which ranks they have in common.
  for (std::uint32_t channel = 0; channel < graph.channel_colour.size(); ++channel) {
    const std::uint32_t id = quotient.channels.of[channel];
    if (uncontended[id] && finder.is_contended(channel)) uncontended[id] = false;
  }
  return uncontended;
}

}  // namespace stepcast
