// The channels of a job (communicators, and directions between pipeline neighbours) in the fabric,
// folded: what stands between programs and flows.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/engine/collective_flows.h"
#include "sim/engine/fold.h"
#include "sim/engine/op_costs.h"
#include "sim/engine/program_index.h"
#include "sim/engine/simulate.h"

namespace stepcast {

/// A communicator, or the way of messages from one rank to its neighbour.
struct Channel {
  std::uint32_t group = kNone;    ///< index into Job::groups; kNone: messages
  Rank from = kNone, to = kNone;  ///< of messages
  bool is_group() const { return group != kNone; }
};

/// All channels that the programs use.
struct JobChannels {
  std::vector<Channel> channels;
  std::vector<GroupGeometry> geometry;  ///< of the groups in use, which are the first channels
  std::vector<std::array<std::uint32_t, kNumPorts>> of_rank;  ///< channel by rank and port
  FoldGraph graph;
};

/// `programs` by index of Job::programs. Ranks start in one class when they run the same program at
/// the same speed and `options.folding` allows it. Nothing here depends on costs: links start in
/// one class when their nominal capacities are equal, inside nodes and between them apart.
JobChannels find_channels(const Job& job, const std::vector<ProgramIndex>& programs,
                          const std::vector<TransferKey>& transfers, const Fabric& fabric,
                          const SimulateOptions& options);

/// One of each class of channels.
struct ChannelClass {
  struct Participant {
    std::uint32_t rank_class = 0;
    Port port{};
    bool operator==(const Participant&) const = default;
  };
  std::uint32_t channel = 0;              ///< the representative
  std::vector<Participant> participants;  ///< distinct
  bool closed_form =
      false;  ///< meets nobody on its links (contention.h): its times are known when it starts
  std::uint32_t uses = 0;       ///< transfers in a step
  std::uint32_t first_use = 0;  ///< numbers transfers of all classes
  bool is_local() const { return closed_form && participants.size() == 1; }
};

/// The quotient of a job's channels.
class FoldedChannels {
 public:
  /// `allow_closed_form`: else even channels that meet nobody are flows. Keeps a reference to
  /// `channels`.
  FoldedChannels(const JobChannels& channels, const Job& job,
                 const std::vector<ProgramIndex>& programs, const Fabric& fabric,
                 bool allow_closed_form);

  const JobChannels& unfolded() const { return channels_; }
  const Quotient& quotient() const { return quotient_; }
  const std::vector<ChannelClass>& classes() const { return classes_; }
  /// Channel class that a rank class reaches through a port; kNone when it has none.
  std::uint32_t at(std::uint32_t rank_class, Port port) const {
    return class_at_[rank_class][static_cast<int>(port)];
  }
  std::uint32_t num_uses() const { return num_uses_; }
  /// Of a class of messages.
  const PairGeometry& pair(std::uint32_t channel_class) const { return *pairs_[channel_class]; }
  /// Link classes that an algorithm loads, each as often as it weighs. Empty where a closed form
  /// will do.
  const std::vector<std::uint32_t>& path(std::uint32_t channel_class, CollectiveKind kind,
                                         Algorithm algorithm) const;

 private:
  void find_closed_forms(const Job& job);
  void find_participants(const Job& job, const std::vector<ProgramIndex>& programs);
  void find_paths();

  const JobChannels& channels_;
  Quotient quotient_;
  std::vector<ChannelClass> classes_;
  std::vector<std::optional<PairGeometry>> pairs_;                             // by channel class
  std::vector<std::array<std::uint32_t, kNumPorts>> class_at_;                 // by rank class
  std::vector<std::array<std::vector<std::uint32_t>, kNumAlgorithms>> paths_;  // by channel class
  std::vector<std::vector<std::vector<std::uint32_t>>>
      schedule_paths_;  // by channel class, then as GroupGeometry::schedules()
  std::uint32_t num_uses_ = 0;
};

}  // namespace stepcast
