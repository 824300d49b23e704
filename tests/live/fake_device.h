// Devices that run late, and streams in any order that they may: what is issued waits in queues,
// and when all hosts wait, a scheduler with a seed takes one head of a queue after the other. A
// wait that a program, or the plan of its memory, lacks gives other losses under some seeds.
//
// All ranks are threads of one process. Collectives and messages happen when all their members have
// come to them, as on a GPU that waits for its partners; nothing is buffered.
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "kernels/live/cpu_device.h"
#include "kernels/live/live_rank.h"
#include "sim/base/error.h"

namespace stepcast::live_test {

/// Something that several ranks do together; `key` tells which.
struct Meeting {
  std::string key;
  std::vector<int> ranks;  ///< all members
  std::vector<ExchangePart> parts;
  CollectiveKind kind{};
  Element element{};
  ReduceOp reduce{};
};

/// A wait for the `count` first works of another stream of the rank.
struct Hold {
  Stream stream{};
  std::size_t count = 0;
};

/// What is at the head of a queue.
struct Work {
  std::function<void()> run;      ///< or
  std::optional<Hold> hold = {};  ///< or
  std::optional<Meeting> meeting = {};
};

// ---- what members of a meeting do, on all their memory at once ----

using Values = std::vector<std::byte>;

inline Values bytes_of(std::span<const std::byte> part) { return {part.begin(), part.end()}; }

inline void meet(const std::vector<const Meeting*>& members, std::size_t part) {
  const Meeting& first = *members.front();
  const std::size_t n = members.size();
  std::vector<Values> gave;
  for (const Meeting* member : members) gave.push_back(bytes_of(member->parts[part].from));
  const auto sum = [&](std::size_t begin, std::size_t size) {
    Values total(gave[0].begin() + static_cast<std::ptrdiff_t>(begin),
                 gave[0].begin() + static_cast<std::ptrdiff_t>(begin + size));
    for (std::size_t i = 1; i < n; ++i)
      combine(first.element, first.reduce, total.data(), gave[i].data() + begin, total.data(),
              size / size_of(first.element));
    return total;
  };
  for (std::size_t m = 0; m < n; ++m) {
    const std::span<std::byte> to = members[m]->parts[part].to;
    switch (first.kind) {
      case CollectiveKind::kAllReduce:
        std::ranges::copy(sum(0, to.size()), to.begin());
        break;
      case CollectiveKind::kReduceScatter:
        std::ranges::copy(sum(m * to.size(), to.size()), to.begin());
        break;
      case CollectiveKind::kAllGather:
        for (std::size_t i = 0; i < n; ++i)
          std::ranges::copy(gave[i], to.begin() + static_cast<std::ptrdiff_t>(i * gave[i].size()));
        break;
      case CollectiveKind::kBroadcast:
      case CollectiveKind::kSendRecv:  // a message: the sender is the first
        if (!to.empty()) std::ranges::copy(gave[0], to.begin());
        break;
      case CollectiveKind::kReduce:
      case CollectiveKind::kAllToAll:
        throw std::runtime_error("no program has one");
    }
  }
}

// ---- the scheduler ----

class FakeWorld {
 public:
  /// Holds for which `ignored` is true are left out: faults to plant.
  using Ignored = std::function<bool(int rank, Mark mark)>;
  FakeWorld(
      int ranks, std::uint64_t seed, Ignored ignored = [](int, Mark) { return false; })
      : ignored_(std::move(ignored)), random_(seed), ranks_(static_cast<std::size_t>(ranks)) {
    for (RankQueues& rank : ranks_)
      for (StreamQueue& queue : rank.streams) queue.priority = random_();
  }

  bool ignores(int rank, Mark mark) const { return ignored_(rank, mark); }

  void issue(int rank, Stream stream, Work work) {
    StreamQueue& queue = at(rank, stream);
    queue.works.push_back(std::move(work));
    ++queue.issued;
  }
  std::size_t issued(int rank, Stream stream) { return at(rank, stream).issued; }
  bool idle(int rank) {
    return std::ranges::all_of(ranks_[static_cast<std::size_t>(rank)].streams,
                               [](const StreamQueue& queue) { return queue.works.empty(); });
  }
  std::size_t now() const { return works_done_; }

  /// Blocks the rank's thread until the streams have done all that was issued to them.
  void wait(int rank, std::vector<Stream> streams) {
    std::unique_lock lock(mutex_);
    ranks_[static_cast<std::size_t>(rank)].waits_for = std::move(streams);
    run_if_all_wait();
    moved_.wait(lock, [&] { return stuck_ || !waits(rank); });
    if (stuck_) throw Error(ErrorKind::kLiveRank, "ranks wait in a circle");
  }
  void leave(int rank) {
    const std::lock_guard lock(mutex_);
    RankQueues& leaving = ranks_[static_cast<std::size_t>(rank)];
    leaving.left = true;
    leaving.waits_for.clear();
    for (StreamQueue& queue : leaving.streams) queue.works.clear();  // their memory goes, too
    if (!stuck_) run_if_all_wait();
  }

 private:
  struct StreamQueue {
    std::deque<Work> works;
    std::size_t issued = 0, done = 0;
    std::uint64_t priority = 0;
  };
  struct RankQueues {
    std::array<StreamQueue, kNumStreams> streams;
    std::vector<Stream> waits_for;  ///< empty: its host is at work
    bool left = false;
  };

  StreamQueue& at(int rank, Stream stream) {
    return ranks_[static_cast<std::size_t>(rank)].streams[static_cast<std::size_t>(stream)];
  }
  bool waits(int rank) const { return !ranks_[static_cast<std::size_t>(rank)].waits_for.empty(); }

  /// Lets those hosts go that have what they wait for; true when there were any.
  bool release() {
    bool any = false;
    for (RankQueues& rank : ranks_) {
      const auto is_done = [&](Stream stream) {
        return rank.streams[static_cast<std::size_t>(stream)].works.empty();
      };
      if (rank.waits_for.empty() || !std::ranges::all_of(rank.waits_for, is_done)) continue;
      rank.waits_for.clear();
      any = true;
    }
    return any;
  }

  /// Same seed, same order: nothing is issued meanwhile.
  void run_if_all_wait() {
    for (const RankQueues& rank : ranks_)
      if (!rank.left && rank.waits_for.empty()) return;
    while (!all_have_what_they_wait_for() && run_one()) {
    }
    const bool waiting =
        std::ranges::any_of(ranks_, [](const RankQueues& rank) { return !rank.waits_for.empty(); });
    if (!release() && waiting) stuck_ = true;
    moved_.notify_all();
  }
  bool all_have_what_they_wait_for() const {
    return std::ranges::all_of(ranks_, [](const RankQueues& rank) {
      return std::ranges::all_of(rank.waits_for, [&](Stream stream) {
        return rank.streams[static_cast<std::size_t>(stream)].works.empty();
      });
    });
  }

  /// The head that may run and has the highest priority; priorities change now and then, so that
  /// streams are far ahead or far behind for a while.
  bool run_one() {
    std::vector<std::pair<std::uint64_t, std::pair<int, Stream>>> ready;
    for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank)
      for (int s = 0; s < kNumStreams; ++s)
        if (const auto stream = static_cast<Stream>(s); can_run(rank, stream))
          ready.push_back({at(rank, stream).priority, {rank, stream}});
    if (ready.empty()) return false;
    const auto [rank, stream] = std::ranges::max_element(ready)->second;
    if (random_() % kStepsOfAPriority == 0) at(rank, stream).priority = random_();
    run(rank, stream);
    return true;
  }
  static constexpr std::uint64_t kStepsOfAPriority = 16;

  const Meeting* meeting_at(int rank, Stream stream) {
    const std::deque<Work>& works = at(rank, stream).works;
    return works.empty() || !works.front().meeting ? nullptr : &*works.front().meeting;
  }
  /// The streams of all members that have come to the meeting.
  std::vector<std::pair<int, Stream>> members_at(const Meeting& meeting) {
    std::vector<std::pair<int, Stream>> found;
    for (const int rank : meeting.ranks)
      for (int s = 0; s < kNumStreams; ++s)
        if (const Meeting* other = meeting_at(rank, static_cast<Stream>(s));
            other && other->key == meeting.key)
          found.emplace_back(rank, static_cast<Stream>(s));
    return found;
  }

  bool can_run(int rank, Stream stream) {
    const std::deque<Work>& works = at(rank, stream).works;
    if (works.empty()) return false;
    const Work& work = works.front();
    if (work.hold) return at(rank, work.hold->stream).done >= work.hold->count;
    if (work.meeting) return members_at(*work.meeting).size() == work.meeting->ranks.size();
    return true;
  }

  void run(int rank, Stream stream) {
    ++works_done_;
    const Work& work = at(rank, stream).works.front();
    if (!work.meeting) {
      if (work.run) work.run();
      return pop(rank, stream);
    }
    const auto places = members_at(*work.meeting);
    std::vector<const Meeting*> members;
    for (const auto& [member, its_stream] : places)
      members.push_back(meeting_at(member, its_stream));
    for (std::size_t part = 0; part < members.front()->parts.size(); ++part) meet(members, part);
    for (const auto& [member, its_stream] : places) pop(member, its_stream);
  }
  void pop(int rank, Stream stream) {
    at(rank, stream).works.pop_front();
    ++at(rank, stream).done;
  }

  Ignored ignored_;
  std::mt19937_64 random_;
  std::vector<RankQueues> ranks_;
  std::mutex mutex_;
  std::condition_variable moved_;
  bool stuck_ = false;
  std::size_t works_done_ = 0;
};

// ---- a rank's side ----

class FakeDevice final : public LiveDevice {
 public:
  FakeDevice(FakeWorld& world, int rank) : world_(world), rank_(rank) {}
  ~FakeDevice() override { world_.leave(rank_); }

  LauncherTable launchers() const override { return host_.launchers(); }
  bool asynchronous() const override { return true; }
  bool host_memory() const override { return false; }

  DeviceBlock allocate(Bytes size) override { return host_.allocate(size); }
  DeviceBlock allocate_host(Bytes size) override { return host_.allocate(size); }
  void write(std::span<const std::byte> from, std::byte* to) override {
    STEPCAST_CHECK(world_.idle(rank_), "memory is written while work is on it");
    std::ranges::copy(from, to);
  }
  void read(const std::byte* from, std::span<std::byte> to) const override {
    STEPCAST_CHECK(world_.idle(rank_), "memory is read while work is on it");
    std::copy_n(from, to.size(), to.begin());
  }

  void launch(Stream stream, const Launch& launch) override {
    world_.issue(rank_, stream,
                 {.run = [this, copy = launch,
                          operands = std::vector<LiveOperand>(launch.operands.begin(),
                                                              launch.operands.end())] {
                   Launch late = copy;
                   late.operands = operands;
                   launchers()[static_cast<std::size_t>(late.kernel.kind)](late);
                 }});
  }
  void zero(Stream stream, std::span<std::byte> memory) override {
    world_.issue(rank_, stream, {.run = [memory] { std::ranges::fill(memory, std::byte{0}); }});
  }
  void mark(Stream stream, Mark mark) override {
    if (marks_.size() <= mark) marks_.resize(mark + 1);
    marks_[mark] = {stream, world_.issued(rank_, stream)};
  }
  void hold(Stream stream, Mark mark) override {
    if (!world_.ignores(rank_, mark))
      world_.issue(rank_, stream, {.run = {}, .hold = marks_.at(mark)});
  }
  void wait(Stream stream) override { world_.wait(rank_, {stream}); }
  void wait_for_all() override {
    std::vector<Stream> all;
    for (int s = 0; s < kNumStreams; ++s) all.push_back(static_cast<Stream>(s));
    world_.wait(rank_, all);
  }

  void begin_stamps() override { stamps_.clear(); }
  Stamp stamp(Stream stream) override {
    const auto stamp = static_cast<Stamp>(stamps_.size());
    stamps_.push_back(0);
    world_.issue(rank_, stream,
                 {.run = [this, stamp] { stamps_[stamp] = static_cast<double>(world_.now()); }});
    return stamp;
  }
  double seconds(Stamp stamp) const override { return stamps_[stamp]; }

 private:
  FakeWorld& world_;
  int rank_;
  CpuDevice host_{reference_launchers()};
  std::vector<Hold> marks_;
  std::vector<double> stamps_;
};

class FakeExchange final : public Exchange {
 public:
  FakeExchange(FakeWorld& world, const Job& job, int rank)
      : world_(world), job_(job), rank_(rank) {}

  void collective(Stream stream, GroupRole role, CollectiveKind kind,
                  std::span<const ExchangePart> parts, Element element, ReduceOp reduce) override {
    const std::uint32_t group =
        job_.ranks[static_cast<std::size_t>(rank_)].group[static_cast<std::size_t>(role)];
    const std::vector<Rank>& members = job_.groups[group].ranks;
    const auto number = count_["group " + std::to_string(group)]++;
    meet_on(stream, {.key = "group " + std::to_string(group) + " number " + std::to_string(number),
                     .ranks = {members.begin(), members.end()},
                     .parts = {parts.begin(), parts.end()},
                     .kind = kind,
                     .element = element,
                     .reduce = reduce});
  }
  void send(Stream stream, int to, std::span<const std::byte> bytes) override {
    message(stream, rank_, to, {.from = bytes, .to = {}});
  }
  void receive(Stream stream, int from, std::span<std::byte> bytes) override {
    message(stream, from, rank_, {.from = {}, .to = bytes});
  }

 private:
  void message(Stream stream, int from, int to, const ExchangePart& part) {
    const bool forward = stream == Stream::kSendNext || stream == Stream::kRecvPrevious;
    const std::string way = std::string(forward ? "forward " : "backward ") + std::to_string(from) +
                            " to " + std::to_string(to);
    meet_on(stream, {.key = way + " number " + std::to_string(count_[way]++),
                     .ranks = {from, to},
                     .parts = {part},
                     .kind = CollectiveKind::kSendRecv,
                     .element = Element::kByte});
  }
  void meet_on(Stream stream, Meeting meeting) {
    world_.issue(rank_, stream, {.run = {}, .hold = {}, .meeting = std::move(meeting)});
  }

  FakeWorld& world_;
  const Job& job_;
  int rank_;
  std::map<std::string, int> count_;
};

class FakePlatform final : public LivePlatform {
 public:
  explicit FakePlatform(FakeWorld& world) : world_(world) {}
  LauncherTable launchers() const override { return reference_launchers(); }
  bool on_cores() const override { return false; }
  std::unique_ptr<LiveDevice> device(RankContext& context) const override {
    return std::make_unique<FakeDevice>(world_, context.rank());
  }
  std::unique_ptr<Exchange> exchange(const Job& job, const RankContext& context,
                                     const LiveRank& /*rank*/) const override {
    return std::make_unique<FakeExchange>(world_, job, context.rank());
  }

 private:
  FakeWorld& world_;
};

}  // namespace stepcast::live_test
